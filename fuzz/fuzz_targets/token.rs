//! Hands what libFuzzer makes up to the checks of `token`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| yumen_fuzz::token::check(data));
