//! Hands what libFuzzer makes up to the checks of `proxy_header`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| yumen_fuzz::proxy_header::check(data));
