// rustc verify.rs -L native=.../lib; verify NAME.facedge PHOTO.rgb WIDTH HEIGHT
use std::{env, ffi::{c_char, c_int, c_void, CStr, CString}, fs, mem, process, ptr};

#[repr(C)]
struct Photo { size: usize, pixels: *const u8, height: i64, width: i64, stride: isize, format: c_int, rotation: c_int, chroma: *const u8, chroma_stride: isize }
#[repr(C)]
struct Face { corners: [f64; 4], landmarks: [f32; 10], detection: f32 }
#[repr(C)]
struct Outcome { size: usize, accepted: c_int, score: f32, threshold: f64, reason: *const c_char, has_face: c_int, face: Face, faces: i64, turned: c_int, stretch: f64 }
#[link(name = "facedge")]
extern "C" {
    fn facedge_open(bundle: *const c_char, options: *const c_void, verifier: *mut *mut c_void, why: *mut c_char, room: usize) -> c_int;
    fn facedge_verify_photo(verifier: *const c_void, photo: *const Photo, search: *const c_void, result: *mut Outcome, why: *mut c_char, room: usize) -> c_int;
    fn facedge_close(verifier: *mut c_void);
}

fn main() {
    let a: Vec<String> = env::args().collect();
    let (pixels, width, height) = (fs::read(&a[2]).unwrap(), a[3].parse::<i64>().unwrap(), a[4].parse::<i64>().unwrap());
    let (bundle, mut why, mut verifier) = (CString::new(a[1].as_str()).unwrap(), [0 as c_char; 256], ptr::null_mut());
    unsafe {
        let mut result: Outcome = mem::zeroed();
        result.size = mem::size_of::<Outcome>();
        let photo = Photo { size: mem::size_of::<Photo>(), pixels: pixels.as_ptr(), height, width, stride: 3 * width as isize, format: 0, rotation: 0, chroma: ptr::null(), chroma_stride: 0 };
        if facedge_open(bundle.as_ptr(), ptr::null(), &mut verifier, why.as_mut_ptr(), 256) != 0
            || facedge_verify_photo(verifier, &photo, ptr::null(), &mut result, why.as_mut_ptr(), 256) != 0 {
            eprintln!("{}", CStr::from_ptr(why.as_ptr()).to_string_lossy());
            process::exit(2);
        }
        println!("{} {}", if result.accepted == 1 { "accept" } else { "reject" }, result.score);
        facedge_close(verifier);
    }
}
