//! The limits on what comes from outside, each with the reason for its size. Those that can be
//! configured have their defaults in the table of parameters.

/// Longest argument of a command, in bytes (`proto-max-bulk-len`): Redis' default. It also bounds
/// what commands make of a string, which clients rely on when they use SETRANGE and SETBIT with large offsets.
pub const BULK_BYTES_MAX: u64 = 512 * MIB;

/// Longest string in bytes, whatever `proto-max-bulk-len` says: no record carries a longer one.
pub const STRING_BYTES_MAX: u64 = 4 * GIB - 1;

/// Smallest value that `proto-max-bulk-len` may be set to: Redis' lower bound.
pub const BULK_BYTES_MAX_LOWEST: u64 = MIB;

/// Most arguments, and longest argument in bytes, while the connection has not authenticated, so
/// that a stranger cannot make the server hold memory: Redis' values.
pub const UNAUTHENTICATED_ARGUMENTS_MAX: usize = 10;
/// See [`UNAUTHENTICATED_ARGUMENTS_MAX`].
pub const UNAUTHENTICATED_BULK_BYTES_MAX: usize = 16 * 1024;

/// Unparsed bytes of one connection before authentication (Valkey's `networking.c`).
pub const UNAUTHENTICATED_QUERY_BYTES_MAX: usize = 1 << 20;

/// Bytes of replies that one connection has not read before authentication (Valkey's
/// `REPLY_BUFFER_SIZE_UNAUTHENTICATED_CLIENT`, its answer to CVE-2025-21605): refusals take memory
/// as well.
pub const UNAUTHENTICATED_REPLY_BYTES_MAX: usize = 1 << 10;

/// Longest inline command, and longest `*<count>` or `$<length>` line, in bytes: Redis' value.
pub const INLINE_BYTES_MAX: usize = 64 * 1024;

/// Bytes received from one socket in one turn: what the arena of a worker reserves a socket; more
/// would let one client's pipeline delay everybody else's.
pub const RECEIVE_BYTES_MAX: usize = 64 * 1024;

/// Commands executed in one round under the engine lock; bounds how long the lock is held and how
/// stale the round's time may become.
pub const ROUND_COMMANDS_MAX: usize = 256;

/// Room for arguments that a worker keeps from one round to the next (1 MiB of slices). A request
/// may have a million of them; one such must not cost its memory for ever.
pub const ARGUMENTS_KEPT: usize = 64 << 10;

/// Databases (`databases`): Redis' default, and a bound that keeps an array of them small.
pub const DATABASES: usize = 16;
/// The largest accepted `databases`.
pub const DATABASES_MAX: usize = 65_536;

/// Longest text taken as a long double (INCRBYFLOAT), in bytes: Redis copies it to a buffer of
/// 5 KiB with its closing zero byte. The largest long double has 4,932 digits.
pub const LONG_DOUBLE_TEXT_BYTES_MAX: usize = 5 * 1024 - 1;

/// Expired keys that one read has removed, at most: about half a millisecond under the lock. The
/// expiry cycle removes the others, in steps.
pub const EXPIRED_NOTES_MAX: u32 = 1_000;

/// Elements that one record names, at most: what a call makes of many goes into several records,
/// since stock Redis replays no command of more than 1,048,576 arguments.
pub const RECORD_ELEMENTS_MAX: usize = 10_000;

/// Bytes of a reply that names one element again and again (SRANDMEMBER with a negative count): its
/// length is the client's choice, and this is twice what one argument may bring.
pub const DRAWN_BYTES_MAX: u64 = GIB;

/// Bytes by which a buffer grows while a length announced by a stream has not arrived yet, so that
/// a forged length costs its sender as many bytes as it costs us.
pub const GROW_STEP_BYTES: usize = 1 << 20;

/// Bytes of a HyperLogLog above which its registers are kept dense (`hll-sparse-max-bytes`): Redis'
/// default, from where on going through the runs costs more than the memory is worth.
pub const HLL_SPARSE_BYTES_MAX: usize = 3000;

/// 2^10 bytes.
pub const KIB: u64 = 1 << 10;
/// 2^20 bytes.
pub const MIB: u64 = 1 << 20;
/// 2^30 bytes.
pub const GIB: u64 = 1 << 30;
