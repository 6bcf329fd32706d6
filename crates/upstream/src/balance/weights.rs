//! A target's weight, divided among the addresses of its name.

/// The weight of each single address of each target, given the targets' weights and how many
/// addresses each has; the addresses of a target share its weight equally.
///
/// Exact as long as the numbers fit into 32 bits, which they do for all usual weights; rounded
/// otherwise. A weight above 0 stays above 0. A target without addresses has weight 0.
#[must_use]
pub fn split_weights(targets: &[(u32, usize)]) -> Vec<u32> {
    let heaviest = targets.iter().map(|(weight, _)| *weight).max().unwrap_or(0);
    let scale_max = u64::from(u32::MAX / heaviest.max(1));
    let scale = targets.iter().try_fold(1, |scale: u64, (_, addresses)| {
        let addresses = u64::try_from(*addresses).ok()?.max(1);
        let multiple = scale.checked_mul(addresses / common_divisor(scale, addresses))?;
        (multiple <= scale_max).then_some(multiple)
    });
    let scale = scale.unwrap_or(scale_max);
    let weight_of = |(weight, addresses): &(u32, usize)| {
        let addresses = u64::try_from(*addresses).unwrap_or(u64::MAX);
        let share = (u64::from(*weight) * scale).checked_div(addresses)?;
        u32::try_from(share.max(u64::from(*weight).min(1))).ok()
    };
    targets.iter().map(|target| weight_of(target).unwrap_or(0)).collect()
}

fn common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}
