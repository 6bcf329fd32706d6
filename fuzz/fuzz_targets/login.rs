//! Hands what libFuzzer makes up to the checks of `login`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| yumen_fuzz::login::check(data));
