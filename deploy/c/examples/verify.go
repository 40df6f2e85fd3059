// PKG_CONFIG_PATH=.../lib/pkgconfig go run verify.go NAME.facedge PHOTO.rgb WIDTH HEIGHT
package main

// #cgo pkg-config: facedge
// #include <facedge.h>
// static facedge_status verify(facedge *f, uint8_t *p, int64_t h, int64_t w, facedge_result *r, char *why) {
//     facedge_photo photo = FACEDGE_PHOTO(p, h, w, 3 * w, FACEDGE_RGB);
//     r->struct_size = sizeof *r;
//     return facedge_verify_photo(f, &photo, NULL, r, why, 256);
// }
import "C"
import ("fmt"; "os"; "strconv")

func main() {
	var why [256]C.char
	var f *C.facedge
	var r C.facedge_result
	pixels, _ := os.ReadFile(os.Args[2])
	width, _ := strconv.Atoi(os.Args[3])
	height, _ := strconv.Atoi(os.Args[4])
	if C.facedge_open(C.CString(os.Args[1]), nil, &f, &why[0], 256) != C.FACEDGE_OK ||
		C.verify(f, (*C.uint8_t)(&pixels[0]), C.int64_t(height), C.int64_t(width), &r, &why[0]) != C.FACEDGE_OK {
		fmt.Fprintln(os.Stderr, C.GoString(&why[0]))
		os.Exit(2)
	}
	fmt.Println(map[bool]string{true: "accept", false: "reject"}[r.accepted == 1], r.score)
	C.facedge_close(f)
}
