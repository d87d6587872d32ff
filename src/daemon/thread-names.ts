/** What the daemon's workers are called in `top -H` and /proc/PID/task. */
export const DATA_THREAD = 'fttcp-data';
export const DETECTOR_THREAD = 'fttcp-detector';
