"""Frame sources: a device, a video file, an image sequence, a URL, the Pi's camera. Backends are imported when used."""
