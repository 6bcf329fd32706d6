//! What an expression may cost: every bound, with its reason.

/// The longest expression or template, in bytes. A list of hundreds of words fits. What it makes of
/// constants may be as long, each time.
pub const SOURCE_BYTES_MAX: usize = 16 * 1024;

/// How deep an expression may be nested. Reading, checking and evaluating it go down the stack as
/// deep as this and no deeper. Chains of `&&` and of `||` count once, however long they are.
pub const NESTING_MAX: usize = 64;

/// The most items that one list, map or call may be written with.
pub const ITEMS_MAX: usize = 1024;

/// The most problems that are told of one expression.
pub const PROBLEMS_MAX: usize = 16;

/// The most pieces of one template: its values and the text between them.
pub const PIECES_MAX: usize = 256;

/// The largest program, in bytes, that one regular expression may compile to.
pub const REGEX_PROGRAM_BYTES_MAX: usize = 64 * 1024;

/// The largest sum, in bytes, of the programs of one expression or template.
pub const REGEX_PROGRAMS_BYTES_MAX: usize = 1024 * 1024;

/// How deep groups and repetitions of one regular expression may be nested.
pub const REGEX_NESTING_MAX: u32 = 64;

/// What one regular expression may remember, for each thread, of the states it went through.
pub(crate) const REGEX_CACHE_BYTES_MAX: usize = 256 * 1024;

/// The most steps of one evaluation: of a condition, a value or a whole template. A step is an
/// operator, a function, a name, an item of a list, or [`BYTES_PER_STEP`] bytes that are read or
/// made.
pub const STEPS_MAX: u32 = 10_000;

/// How many bytes of a text are read or made in one step.
pub const BYTES_PER_STEP: usize = 64;

/// How many keys of a map that is written in the expression are compared in one step.
pub const KEYS_PER_STEP: usize = 16;

/// A regular expression with a program of this size reads [`BYTES_PER_STEP`] bytes in a step; one
/// that is twice as large reads half as many.
pub const REGEX_PROGRAM_BYTES_PER_STEP: usize = 4 * 1024;
