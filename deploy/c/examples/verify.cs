// mcs verify.cs && LD_LIBRARY_PATH=.../lib mono verify.exe NAME.facedge PHOTO.rgb WIDTH HEIGHT
using System;
using System.IO;
using System.Runtime.InteropServices;
using System.Text;

static class Verify {
    [StructLayout(LayoutKind.Sequential)]
    struct Photo { public UIntPtr size; public IntPtr pixels; public long height, width; public IntPtr stride; public int format, rotation; public IntPtr chroma, chromaStride; }
    [StructLayout(LayoutKind.Sequential)]
    struct Result { public UIntPtr size; public int accepted; public float score; public double threshold; public IntPtr reason; public int hasFace; [MarshalAs(UnmanagedType.ByValArray, SizeConst = 4)] public double[] box; [MarshalAs(UnmanagedType.ByValArray, SizeConst = 11)] public float[] points; public long faces; public int turned; public double stretch; }
    [DllImport("libfacedge.so.0")] static extern int facedge_open(string bundle, IntPtr options, out IntPtr verifier, StringBuilder why, UIntPtr room);
    [DllImport("libfacedge.so.0")] static extern int facedge_verify_photo(IntPtr verifier, ref Photo photo, IntPtr search, ref Result result, StringBuilder why, UIntPtr room);
    [DllImport("libfacedge.so.0")] static extern void facedge_close(IntPtr verifier);

    static int Main(string[] a) {
        var why = new StringBuilder(256);
        var room = (UIntPtr)256;
        IntPtr verifier;
        var pixels = GCHandle.Alloc(File.ReadAllBytes(a[1]), GCHandleType.Pinned);
        long width = long.Parse(a[2]), height = long.Parse(a[3]);
        var photo = new Photo { size = (UIntPtr)Marshal.SizeOf(typeof(Photo)), pixels = pixels.AddrOfPinnedObject(), height = height, width = width, stride = (IntPtr)(3 * width) };
        var result = new Result { size = (UIntPtr)Marshal.SizeOf(typeof(Result)) };
        if (facedge_open(a[0], IntPtr.Zero, out verifier, why, room) != 0 || facedge_verify_photo(verifier, ref photo, IntPtr.Zero, ref result, why, room) != 0) { Console.Error.WriteLine(why); return 2; }
        Console.WriteLine((result.accepted == 1 ? "accept " : "reject ") + result.score.ToString(System.Globalization.CultureInfo.InvariantCulture));
        facedge_close(verifier);
        return 1 - result.accepted;
    }
}
