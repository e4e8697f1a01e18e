//! CLUSTER, READONLY, READWRITE, ASKING, MODULE: as a server answers that is no cluster node and loads no modules.
//!
//! Cluster tools ask these first, and read from the very text of the refusal that cluster mode is off.

use super::{Answer, Call, Command, Control, Error, Flag, Group, Handler, Result, help};
use crate::resp::Reply;

const CLUSTER: Command = Command { group: Group::Cluster, ..super::DEFAULT };
const MODULE: Command = Command { group: Group::Server, ..super::DEFAULT };

/// Whoever changes the cluster.
const CHANGES: &[Flag] = &[Flag::Admin, Flag::Stale, Flag::NoAsyncLoading];
/// Whoever asks about the cluster.
const ASKS: &[Flag] = &[Flag::Loading, Flag::Stale];
/// Whoever asks an administrator's question.
const ASKS_ADMIN: &[Flag] = &[Flag::Admin, Flag::Stale];
/// Whoever asks about slots' keys, which are not there while loading.
const ASKS_KEYS: &[Flag] = &[Flag::Stale];

const VARYING: &[&str] = &["nondeterministic_output"];

/// The entries of this file.
pub const COMMANDS: &[Command] = &[
    Command {
        name: "asking",
        summary: "Says that the next command follows an -ASK redirect.",
        example: r#"
            > ASKING
            (error) ERR This instance has cluster support disabled
        "#,
        since: "3.0.0",
        flags: &[Flag::Fast],
        categories: &["connection"],
        handler: Handler::Control(refuse),
        ..CLUSTER
    },
    Command {
        name: "readonly",
        summary: "Lets the connection read from a replica of a cluster.",
        example: r#"
            > READONLY
            OK
        "#,
        since: "3.0.0",
        flags: &[Flag::Loading, Flag::Stale, Flag::Fast],
        categories: &["connection"],
        handler: Handler::Control(readonly),
        ..CLUSTER
    },
    Command {
        name: "readwrite",
        summary: "Takes READONLY back.",
        example: r#"
            > READWRITE
            OK
        "#,
        since: "3.0.0",
        flags: &[Flag::Loading, Flag::Stale, Flag::Fast],
        categories: &["connection"],
        handler: Handler::Control(readwrite),
        ..CLUSTER
    },
    Command {
        name: "cluster",
        summary: "A container for commands about the cluster.",
        since: "3.0.0",
        complexity: "Depends on subcommand.",
        subcommands: SUBCOMMANDS,
        ..CLUSTER
    },
    Command {
        name: "module",
        summary: "A container for commands about modules.",
        since: "4.0.0",
        complexity: "Depends on subcommand.",
        subcommands: MODULE_SUBCOMMANDS,
        ..MODULE
    },
];

/// A subcommand that only a cluster node runs.
const fn of_node(
    name: &'static str,
    since: &'static str,
    syntax: &'static str,
    flags: &'static [Flag],
    summary: &'static str,
) -> Command {
    Command { name, since, syntax, flags, summary, handler: Handler::Control(refuse), ..CLUSTER }
}

const NODES: &str = "O(N) where N is the number of cluster nodes";
const SLOTS: &str = "O(N) where N is the number of slots";

const SUBCOMMANDS: &[Command] = &[
    Command {
        complexity: SLOTS,
        ..of_node("addslots", "3.0.0", "slot [slot ...]", CHANGES, "Gives slots to the node.")
    },
    Command {
        complexity: SLOTS,
        ..of_node(
            "addslotsrange",
            "7.0.0",
            "start-slot end-slot [start-slot end-slot ...]",
            CHANGES,
            "Gives ranges of slots to the node.",
        )
    },
    Command {
        tips: VARYING,
        ..of_node("bumpepoch", "3.0.0", "", CHANGES, "Advances the configuration epoch.")
    },
    Command {
        complexity: "O(N) where N is the number of migrations",
        ..of_node("cancelslotmigrations", "9.0.0", "", CHANGES, "Cancels all slot migrations.")
    },
    Command {
        complexity: "O(N) where N is the number of failure reports",
        tips: VARYING,
        ..of_node(
            "count-failure-reports",
            "3.0.0",
            "node-id",
            ASKS_ADMIN,
            "Returns how many nodes report a node as failing.",
        )
    },
    of_node("countkeysinslot", "3.0.0", "slot", ASKS_KEYS, "Returns how many keys a slot has."),
    Command {
        complexity: SLOTS,
        ..of_node("delslots", "3.0.0", "slot [slot ...]", CHANGES, "Takes slots from the node.")
    },
    Command {
        complexity: SLOTS,
        ..of_node(
            "delslotsrange",
            "7.0.0",
            "start-slot end-slot [start-slot end-slot ...]",
            CHANGES,
            "Takes ranges of slots from the node.",
        )
    },
    of_node("failover", "3.0.0", "[FORCE | TAKEOVER]", CHANGES, "Makes a replica the primary."),
    Command {
        complexity: "O(N) where N is the number of keys in the slot",
        categories: &["keyspace"],
        ..of_node(
            "flushslot",
            "9.0.0",
            "slot [ASYNC | SYNC]",
            &[Flag::Write, Flag::Admin, Flag::NoAsyncLoading],
            "Removes all keys of a slot.",
        )
    },
    of_node("flushslots", "3.0.0", "", CHANGES, "Takes all slots from the node."),
    of_node("forget", "3.0.0", "node-id", CHANGES, "Removes a node from the node's table."),
    Command {
        complexity: "O(N) where N is the number of requested keys",
        tips: VARYING,
        ..of_node("getkeysinslot", "3.0.0", "slot count", ASKS_KEYS, "Returns keys of a slot.")
    },
    Command {
        complexity: "O(N) where N is the number of migrations",
        ..of_node(
            "getslotmigrations",
            "9.0.0",
            "",
            CHANGES,
            "Returns the state of slot migrations.",
        )
    },
    Command { tips: VARYING, ..of_node("info", "3.0.0", "", ASKS, "Returns the node's state.") },
    Command {
        name: "keyslot",
        summary: "Returns the slot of a key; works without a cluster, too.",
        syntax: "key",
        example: r#"
            > CLUSTER KEYSLOT {user}:1
            (integer) 5474
            > CLUSTER KEYSLOT user
            (integer) 5474
        "#,
        since: "3.0.0",
        complexity: "O(N) where N is the number of bytes in the key",
        flags: ASKS_KEYS,
        handler: Handler::Control(keyslot),
        ..CLUSTER
    },
    Command {
        complexity: NODES,
        tips: VARYING,
        ..of_node("links", "7.0.0", "", ASKS_KEYS, "Returns the links to and from other nodes.")
    },
    of_node("meet", "3.0.0", "ip port [cluster-bus-port]", CHANGES, "Greets another node."),
    Command {
        // Redis leaves it to the command to find that NODE is missing.
        arity: Some(-4),
        complexity: SLOTS,
        ..of_node(
            "migrateslots",
            "9.0.0",
            "SLOTSRANGE start-slot end-slot [start-slot end-slot ...] NODE node-id \
             [SLOTSRANGE start-slot end-slot [start-slot end-slot ...] NODE node-id ...]",
            CHANGES,
            "Moves slots from this node to others.",
        )
    },
    of_node("myid", "3.0.0", "", ASKS, "Returns the node's id."),
    Command {
        tips: VARYING,
        ..of_node("myshardid", "7.2.0", "", ASKS, "Returns the id of the node's shard.")
    },
    Command {
        complexity: NODES,
        tips: VARYING,
        ..of_node("nodes", "3.0.0", "", ASKS, "Returns the cluster as the node knows it.")
    },
    Command {
        complexity: NODES,
        tips: VARYING,
        ..of_node("replicas", "5.0.0", "node-id", ASKS_ADMIN, "Lists the replicas of a primary.")
    },
    of_node(
        "replicate",
        "3.0.0",
        "<node-id | NO ONE>",
        CHANGES,
        "Makes the node a replica of a primary, or of none.",
    ),
    Command {
        complexity: NODES,
        ..of_node(
            "reset",
            "3.0.0",
            "[HARD | SOFT]",
            &[Flag::Admin, Flag::NoScript, Flag::Stale],
            "Makes the node a new one.",
        )
    },
    of_node("saveconfig", "3.0.0", "", CHANGES, "Saves the cluster's configuration."),
    of_node("set-config-epoch", "3.0.0", "config-epoch", CHANGES, "Sets a new node's epoch."),
    of_node(
        "setslot",
        "3.0.0",
        "slot <IMPORTING node-id | MIGRATING node-id | NODE node-id | STABLE> [TIMEOUT timeout]",
        CHANGES,
        "Says which node has a slot, or is getting it.",
    ),
    Command {
        complexity: NODES,
        tips: VARYING,
        ..of_node("shards", "7.0.0", "", ASKS, "Returns which shard has which slots.")
    },
    Command {
        complexity: NODES,
        tips: VARYING,
        ..of_node("slaves", "3.0.0", "node-id", ASKS_ADMIN, "Lists the replicas of a primary.")
    },
    Command {
        complexity: "O(N log N) where N is the number of slots asked for",
        tips: &["nondeterministic_output", "request_policy:all_shards"],
        ..of_node(
            "slot-stats",
            "8.0.0",
            "<SLOTSRANGE start-slot end-slot | ORDERBY metric [LIMIT limit] [ASC | DESC]>",
            ASKS,
            "Returns how slots are used.",
        )
    },
    Command {
        complexity: NODES,
        tips: VARYING,
        ..of_node("slots", "3.0.0", "", ASKS, "Returns which node has which slots.")
    },
    of_node("help", "5.0.0", "", ASKS, "Prints this help, on a cluster node."),
];

/// Modules' own administrators.
const LOADS: &[Flag] = &[Flag::Admin, Flag::NoScript, Flag::NoAsyncLoading];

const MODULE_SUBCOMMANDS: &[Command] = &[
    Command {
        name: "list",
        summary: "Lists modules. There are none.",
        example: r#"
            > MODULE LIST
            (empty array)
        "#,
        since: "4.0.0",
        complexity: "O(1)",
        flags: &[Flag::Admin, Flag::NoScript],
        tips: &["nondeterministic_output_order"],
        handler: Handler::Control(list_modules),
        ..MODULE
    },
    Command {
        name: "load",
        summary: "Loads a module; always refused.",
        syntax: "path [arg [arg ...]]",
        since: "4.0.0",
        flags: LOADS,
        handler: Handler::Control(refuse_module),
        ..MODULE
    },
    Command {
        name: "loadex",
        summary: "Loads a module with parameters; always refused.",
        syntax: "path [CONFIG name value [CONFIG name value ...]] [ARGS args [args ...]]",
        since: "7.0.0",
        flags: LOADS,
        handler: Handler::Control(refuse_module),
        ..MODULE
    },
    Command {
        name: "unload",
        summary: "Unloads a module; always refused.",
        syntax: "name",
        since: "4.0.0",
        flags: LOADS,
        handler: Handler::Control(refuse_module),
        ..MODULE
    },
    Command {
        name: "help",
        summary: "Prints this help.",
        since: "5.0.0",
        flags: &[Flag::Loading, Flag::Stale],
        handler: Handler::Control(help::help),
        ..MODULE
    },
];

fn refuse<'a>(_: &mut Control<'_>, _: &Call<'a>) -> Result<Answer<'a>> {
    Err(Error::text("ERR This instance has cluster support disabled"))
}

fn readonly<'a>(control: &mut Control<'_>, _: &Call<'a>) -> Result<Answer<'a>> {
    control.session().readonly = true;
    Ok(Reply::Ok.into())
}

fn readwrite<'a>(control: &mut Control<'_>, _: &Call<'a>) -> Result<Answer<'a>> {
    control.session().readonly = false;
    Ok(Reply::Ok.into())
}

fn list_modules<'a>(_: &mut Control<'_>, _: &Call<'a>) -> Result<Answer<'a>> {
    Ok(Reply::EMPTY.into())
}

/// As with `enable-module-command no`, Redis' default.
fn refuse_module<'a>(_: &mut Control<'_>, _: &Call<'a>) -> Result<Answer<'a>> {
    Err(Error::text(
        "ERR MODULE command not allowed. If the enable-module-command option is set to \"local\", \
         you can run it from a local connection, otherwise you need to set this option in the \
         configuration file, and then restart the server.",
    ))
}

fn keyslot<'a>(_: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    Ok(Reply::Int(slot_of(call.arg(2)).into()).into())
}

/// The slot of a key: CRC16 of what stands between its first `{` and the next `}` if there is something, else of the
/// whole key, modulo 16384.
fn slot_of(key: &[u8]) -> u16 {
    let tag = key.iter().position(|byte| *byte == b'{').and_then(|open| {
        let rest = &key[open + 1..];
        let close = rest.iter().position(|byte| *byte == b'}')?;
        (close > 0).then(|| &rest[..close])
    });
    crc16(tag.unwrap_or(key)) % 16_384
}

/// CRC-16/XMODEM: polynomial 0x1021, from 0, most significant bit first. Bit by bit: one key a call.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_valkey() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
        let cases: [(&[u8], u16); 8] = [
            (b"a", 15495),
            (b"", 0),
            (b"{user}x", 5474),
            (b"user", 5474),
            (b"{}x", 10595),
            (b"foo{bar}{zap}", 5061),
            (b"foo{{bar}}zap", 4015),
            (b"foo{bar", 15278),
        ];
        for (key, slot) in cases {
            assert_eq!(slot_of(key), slot, "{key:?}");
        }
    }
}
