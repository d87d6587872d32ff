/** An SVG of ours as a PNG, the same on every machine: with the fonts that come with the packages, not with the host's. */
import { createRequire } from 'node:module';
import { Resvg } from '@resvg/resvg-js';

/** As wide as Arial and Helvetica, which the SVGs ask for first: texts fill the room that they fill in a browser. */
const FAMILY = 'Arimo';
const { resolve } = createRequire(import.meta.url);
const FONT_FILES = ['400Regular/Arimo_400Regular.ttf', '600SemiBold/Arimo_600SemiBold.ttf'].map((file) =>
  resolve(`@expo-google-fonts/arimo/${file}`),
);

/** As large as the SVG says, or `width` pixels wide. */
export function renderPng(svg: string, { width }: { width?: number } = {}): Buffer {
  const resvg = new Resvg(svg, {
    // The list of families in the SVGs ends with sans-serif.
    font: { loadSystemFonts: false, fontFiles: FONT_FILES, sansSerifFamily: FAMILY, defaultFontFamily: FAMILY },
    fitTo: width === undefined ? { mode: 'original' } : { mode: 'width', value: width },
  });
  return resvg.render().asPng();
}
