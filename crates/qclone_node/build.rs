//! Tells the linker that Node provides the symbols of N-API and libuv.

fn main() {
    napi_build::setup();
}
