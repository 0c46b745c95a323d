/** The texts that the page is made of, taken in by the build, so that the page needs no other file and no network. */
import uplotScript from 'uplot/dist/uPlot.iife.min.js' with { type: 'text' };
import uplotStyle from 'uplot/dist/uPlot.min.css' with { type: 'text' };
import pageScript from './page.client.js' with { type: 'text' };
import pageStyle from './page.css' with { type: 'text' };
import type { PageAssets } from './page.ts';

export const PAGE_ASSETS: PageAssets = { uplotScript, uplotStyle, pageScript, pageStyle };
