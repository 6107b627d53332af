import * as maplibre from './maplibre-gl.mjs';

const pack = 'world';
const latestMax = 8;
const isDark = matchMedia('(prefers-color-scheme: dark)').matches;
const colors = isDark
  ? { sea: '#0f1a24', land: '#22303c', border: '#4a5b6a', state: '#36454f', label: '#c6d3df', halo: '#0f1a24', strike: '#ff7a5c', fresh: '#ffd166' }
  : { sea: '#cfe2ee', land: '#f5f2ea', border: '#9aa5ad', state: '#cbc7bb', label: '#2b3844', halo: '#ffffff', strike: '#c62828', fresh: '#ffb300' };

const strikes = new Map();
const byId = (id) => document.getElementById(id);
const features = () => ({ type: 'FeatureCollection', features: [...strikes.values()] });

// Everything comes from the host of this page; text is drawn with the device's own fonts, so the style names no glyphs.
const style = {
  version: 8,
  sources: {
    base: { type: 'vector', url: new URL(`tiles/${pack}`, location.href).href },
    strikes: { type: 'geojson', data: features(), cluster: true, clusterRadius: 34, clusterMaxZoom: 9, clusterProperties: { fresh: ['any', ['to-boolean', ['get', 'fresh']]] } },
  },
  layers: [
    { id: 'sea', type: 'background', paint: { 'background-color': colors.sea } },
    { id: 'land', type: 'fill', source: 'base', 'source-layer': 'land', paint: { 'fill-color': colors.land } },
    { id: 'states', type: 'line', source: 'base', 'source-layer': 'states', paint: { 'line-color': colors.state, 'line-width': 0.8 } },
    { id: 'borders', type: 'line', source: 'base', 'source-layer': 'land', paint: { 'line-color': colors.border, 'line-width': 1 } },
    { id: 'airports', type: 'symbol', source: 'base', 'source-layer': 'airports', minzoom: 3,
      layout: { 'text-field': ['get', 'code'], 'text-font': ['sans-serif'], 'text-size': 12, 'text-anchor': 'top', 'text-offset': [0, 1.4] },
      paint: { 'text-color': colors.label, 'text-halo-color': colors.halo, 'text-halo-width': 1.5 } },
    { id: 'strikes', type: 'circle', source: 'strikes', paint: {
      'circle-color': colors.strike, 'circle-opacity': 0.85, 'circle-stroke-color': colors.halo, 'circle-stroke-width': 1,
      'circle-radius': ['interpolate', ['linear'], ['sqrt', ['coalesce', ['get', 'point_count'], 1]], 1, 6, 1.5, 9, 10, 16, 40, 28] } },
    { id: 'counts', type: 'symbol', source: 'strikes', filter: ['has', 'point_count'],
      layout: { 'text-field': ['get', 'point_count_abbreviated'], 'text-font': ['sans-serif'], 'text-size': 12, 'text-allow-overlap': true }, paint: { 'text-color': '#ffffff' } },
    { id: 'fresh', type: 'circle', source: 'strikes', filter: ['==', ['get', 'fresh'], true],
      paint: { 'circle-radius': ['interpolate', ['linear'], ['sqrt', ['coalesce', ['get', 'point_count'], 1]], 1, 9, 1.5, 12, 10, 19, 40, 31], 'circle-color': 'transparent', 'circle-stroke-color': colors.fresh, 'circle-stroke-width': 3 } },
  ],
};

const map = new maplibre.Map({ container: 'map', style, center: [-96, 38], zoom: 3.2, maxZoom: 11, attributionControl: { compact: false } });
// The panel does not hide what the map is about.
map.fitBounds([[-125, 24], [-66.5, 50]], { animate: false, padding: innerWidth > 640 ? { left: 330, top: 30, right: 60, bottom: 40 } : { left: 16, top: 16, right: 16, bottom: innerHeight * 0.4 } });
map.addControl(new maplibre.NavigationControl({ showCompass: false }), 'top-right');
map.addControl(new maplibre.ScaleControl());
map.on('click', 'strikes', async ({ features: [hit] }) => {
  if (hit.properties.cluster) {
    map.easeTo({ center: hit.geometry.coordinates, zoom: await map.getSource('strikes').getClusterExpansionZoom(hit.properties.cluster_id) });
    return;
  }
  show(hit.properties, hit.geometry.coordinates);
});

// A tile that had not arrived is asked for again when more of the pack has.
let missing = 0;
map.on('error', ({ error, tile }) => {
  if (error?.status === 503) missing++;
  else console.error(error?.message ?? error);
});

function show(strike, place) {
  const box = document.createElement('div');
  for (const text of [strike.species, `${strike.airport}, ${strike.date}`, `${strike.operator ?? ''} ${strike.aircraft ?? ''}`, `damage: ${strike.damage ?? 'unknown'}`]) {
    box.append(Object.assign(document.createElement('div'), { textContent: text }));
  }
  new maplibre.Popup({ closeButton: true }).setLngLat(place).setDOMContent(box).addTo(map);
}

function list(feature, isFresh) {
  const { species, airport, date } = feature.properties;
  const item = document.createElement('li'), button = document.createElement('button'), title = document.createElement('b'), more = document.createElement('span');
  [title.textContent, more.textContent] = [species, `${date} ${airport}`];
  button.append(title, more);
  button.addEventListener('click', () => { map.jumpTo({ center: feature.geometry.coordinates, zoom: 8 }); show(feature.properties, feature.geometry.coordinates); });
  item.append(button);
  item.dataset.id = feature.id;
  item.classList.toggle('fresh', isFresh);
  const latest = byId('latest');
  latest.querySelector(`[data-id="${feature.id}"]`)?.remove();
  latest.prepend(item);
  while (latest.children.length > latestMax) latest.lastChild.remove();
}

let isDrawing = false;
function draw() {
  byId('count').textContent = strikes.size.toLocaleString('en');
  // Changes that come faster than they can be drawn are drawn together.
  if (isDrawing) return;
  isDrawing = true;
  setTimeout(() => { isDrawing = false; map.getSource('strikes')?.setData(features()); }, 120);
}

async function follow() {
  // Opened first, so that nothing falls between the list and what follows it.
  const live = new EventSource('incidents/live');
  live.addEventListener('open', async () => {
    const all = await (await fetch('incidents')).json();
    for (const feature of all.features) if (!strikes.has(feature.id)) strikes.set(feature.id, feature);
    all.features.slice(-latestMax).forEach((f) => { if (!byId('latest').querySelector(`[data-id="${f.id}"]`)) list(f, false); });
    byId('live').textContent = 'live';
    draw();
  });
  live.addEventListener('error', () => { byId('live').textContent = 'connection lost, trying again'; });
  live.addEventListener('strike', ({ data }) => {
    const feature = JSON.parse(data);
    feature.properties.fresh = true;
    strikes.set(feature.id, feature);
    list(feature, true);
    draw();
  });
  live.addEventListener('gone', ({ data }) => { strikes.delete(JSON.parse(data)); byId('latest').querySelector(`[data-id=${data}]`)?.remove(); draw(); });
  live.addEventListener('pack', ({ data }) => {
    const { here, size } = JSON.parse(data);
    byId('pack').textContent = here === size ? 'Map: all of it is on this device' : `Map: ${Math.floor(here / size * 100)} % has arrived`;
    if (missing && map.getSource('base')) { missing = 0; map.refreshTiles('base'); }
  });
}

map.on('load', follow);
window.fieldMap = map;
