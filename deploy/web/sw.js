// The service worker: the page works offline after its first visit. build.sh puts VERSION and FILES before this line.
/* global VERSION, FILES */

self.addEventListener('install', (event) => event.waitUntil(caches.open(VERSION).then((cache) => cache.addAll(FILES))));

self.addEventListener('activate', (event) =>
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys()) if (name !== VERSION) await caches.delete(name);
      await self.clients.claim();
    })(),
  ),
);

// The files of one build only, whole: another version takes over when no page of this one is open.
self.addEventListener('fetch', (event) =>
  event.respondWith(caches.match(event.request, { cacheName: VERSION }).then((kept) => kept ?? fetch(event.request))),
);
