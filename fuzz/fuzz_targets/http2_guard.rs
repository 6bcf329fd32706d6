//! Hands what libFuzzer makes up to the checks of `http2_guard`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| yumen_fuzz::http2_guard::check(data));
