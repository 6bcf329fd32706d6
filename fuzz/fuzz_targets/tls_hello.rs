//! Hands what libFuzzer makes up to the checks of `tls_hello`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| yumen_fuzz::tls_hello::check(data));
