// Puts together what the sample serves and makes its map from: the page, MapLibre GL as its package brings it, the atlases.
//   node build.mjs [DIRECTORY]     → DIRECTORY/page and DIRECTORY/atlas; build/ by default
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const to = process.argv[2] ?? join(here, 'build');
const from = (name, file) => join(here, 'node_modules', name, file);
rmSync(to, { recursive: true, force: true });
mkdirSync(join(to, 'atlas'), { recursive: true });
cpSync(join(here, 'page'), join(to, 'page'), { recursive: true });
for (const file of ['maplibre-gl.mjs', 'maplibre-gl-worker.mjs', 'maplibre-gl.css']) cpSync(from('maplibre-gl', join('dist', file)), join(to, 'page', file));
cpSync(from('maplibre-gl', 'LICENSE.txt'), join(to, 'page', 'maplibre-gl.LICENSE.txt'));
for (const detail of ['110m', '50m', '10m']) cpSync(from('world-atlas', `countries-${detail}.json`), join(to, 'atlas', `countries-${detail}.json`));
cpSync(from('us-atlas', 'states-10m.json'), join(to, 'atlas', 'states-10m.json'));
