/** What the nginx of the tests has to serve. */
export const BIG_SEED = 1;
export const SMALL = 'A small file.\n';
