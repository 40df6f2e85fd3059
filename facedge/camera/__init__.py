"""Frame sources: a device, a video file, an image sequence, a URL, the Pi's camera. Backends are imported when used."""

from facedge.camera.streams import open_camera as open_camera  # moved: facedge.camera.streams
