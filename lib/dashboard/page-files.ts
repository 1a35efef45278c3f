/**
 * The script and the style of the page, minified, compressed by gzip, as base64. The build puts them here, from page/
 * (scripts/build-dashboard.js): so the package has no files that an application would have to find, and bundlers keep working.
 */
export const pageFiles = { script: '%script%', style: '%style%' };
