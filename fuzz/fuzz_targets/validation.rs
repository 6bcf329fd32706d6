//! Hands what libFuzzer makes up to the checks of `validation`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| yumen_fuzz::validation::check(data));
