import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { pageFiles } from './page-files.js';

/** What the page is made of. */
export interface PageAsset {
  readonly type: string;
  readonly gzipped: Buffer | undefined;
  plain(): Buffer;
}

const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="4" fill="#1d4ed8"/><path d="M3 8h3l2-4 2 8 1.5-4H13" fill="none" stroke="#fff" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round"/></svg>`;

const script = unpack('text/javascript; charset=utf-8', pageFiles.script);
const style = unpack('text/css; charset=utf-8', pageFiles.style);
const icon: PageAsset = {
  type: 'image/svg+xml',
  gzipped: undefined,
  plain: () => Buffer.from(ICON),
};

/** Names with a hash: one that is asked for never changes, so a browser keeps it. */
const names = {
  script: `page-${hashOf(pageFiles.script)}.js`,
  style: `page-${hashOf(pageFiles.style)}.css`,
  icon: `icon-${hashOf(ICON)}.svg`,
};

const assets: Readonly<Record<string, PageAsset>> = {
  [names.script]: script,
  [names.style]: style,
  [names.icon]: icon,
};

/** By its name in the page. */
export function assetOf(name: string): PageAsset | undefined {
  return Object.hasOwn(assets, name) ? assets[name] : undefined;
}

/** A URL that is only a query goes to the page's own path, whatever prefix or proxy stands before it, with or without a slash at its end. */
export const pageHtml = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>Tasks</title>
<link rel="icon" href="?asset=${names.icon}">
<link rel="stylesheet" href="?asset=${names.style}">
<script type="module" src="?asset=${names.script}"></script>
</head>
<body><noscript>This page needs JavaScript.</noscript></body>
</html>
`;

export const pageTag = `"${hashOf(pageHtml)}"`;

/** No inline script or style, nothing of another host. */
export const pagePolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

function unpack(type: string, base64: string): PageAsset {
  const gzipped = Buffer.from(base64, 'base64');
  return { type, gzipped, plain: () => gunzipSync(gzipped) };
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}
