//! CLUSTER, READONLY, READWRITE, ASKING, MODULE: as a server answers that is no cluster node and
//! loads no modules.
//!
//! Cluster tools ask these first, and read from the very text of the refusal that cluster mode is
//! off.

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
    example: &'static str,
    since: &'static str,
    syntax: &'static str,
    flags: &'static [Flag],
    summary: &'static str,
) -> Command {
    let handler = Handler::Control(refuse);
    Command { name, example, since, syntax, flags, summary, handler, ..CLUSTER }
}

const NODES: &str = "O(N) where N is the number of cluster nodes";
const SLOTS: &str = "O(N) where N is the number of slots";

const SUBCOMMANDS: &[Command] = &[
    Command {
        complexity: SLOTS,
        ..of_node(
            "addslots",
            "> CLUSTER ADDSLOTS 1 2\n(error) ERR This instance has cluster support disabled",
            "3.0.0",
            "slot [slot ...]",
            CHANGES,
            "Gives slots to the node.",
        )
    },
    Command {
        complexity: SLOTS,
        ..of_node(
            "addslotsrange",
            "> CLUSTER ADDSLOTSRANGE 1 100\n(error) ERR This instance has cluster support disabled",
            "7.0.0",
            "start-slot end-slot [start-slot end-slot ...]",
            CHANGES,
            "Gives ranges of slots to the node.",
        )
    },
    Command {
        tips: VARYING,
        ..of_node(
            "bumpepoch",
            "> CLUSTER BUMPEPOCH\n(error) ERR This instance has cluster support disabled",
            "3.0.0",
            "",
            CHANGES,
            "Advances the configuration epoch.",
        )
    },
    Command {
        complexity: "O(N) where N is the number of migrations",
        ..of_node(
            "cancelslotmigrations",
            "> CLUSTER CANCELSLOTMIGRATIONS\n(error) ERR This instance has cluster support disabled",
            "9.0.0",
            "",
            CHANGES,
            "Cancels all slot migrations.",
        )
    },
    Command {
        complexity: "O(N) where N is the number of failure reports",
        tips: VARYING,
        ..of_node(
            "count-failure-reports",
            "> CLUSTER COUNT-FAILURE-REPORTS node\n(error) ERR This instance has cluster support disabled",
            "3.0.0",
            "node-id",
            ASKS_ADMIN,
            "Returns how many nodes report a node as failing.",
        )
    },
    of_node(
        "countkeysinslot",
        "> CLUSTER COUNTKEYSINSLOT 1\n(error) ERR This instance has cluster support disabled",
        "3.0.0",
        "slot",
        ASKS_KEYS,
        "Returns how many keys a slot has.",
    ),
    Command {
        complexity: SLOTS,
        ..of_node(
            "delslots",
            "> CLUSTER DELSLOTS 1\n(error) ERR This instance has cluster support disabled",
            "3.0.0",
            "slot [slot ...]",
            CHANGES,
            "Takes slots from the node.",
        )
    },
    Command {
        complexity: SLOTS,
        ..of_node(
            "delslotsrange",
            "> CLUSTER DELSLOTSRANGE 1 100\n(error) ERR This instance has cluster support disabled",
            "7.0.0",
            "start-slot end-slot [start-slot end-slot ...]",
            CHANGES,
            "Takes ranges of slots from the node.",
        )
    },
    of_node(
        "failover",
        "> CLUSTER FAILOVER\n(error) ERR This instance has cluster support disabled",
        "3.0.0",
        "[FORCE | TAKEOVER]",
        CHANGES,
        "Makes a replica the primary.",
    ),
    Command {
        complexity: "O(N) where N is the number of keys in the slot",
        categories: &["keyspace"],
        ..of_node(
            "flushslot",
            "> CLUSTER FLUSHSLOT 1\n(error) ERR This instance has cluster support disabled",
            "9.0.0",
            "slot [ASYNC | SYNC]",
            &[Flag::Write, Flag::Admin, Flag::NoAsyncLoading],
            "Removes all keys of a slot.",
        )
    },
    of_node(
        "flushslots",
        "> CLUSTER FLUSHSLOTS\n(error) ERR This instance has cluster support disabled",
        "3.0.0",
        "",
        CHANGES,
        "Takes all slots from the node.",
    ),
    of_node(
        "forget",
        "> CLUSTER FORGET node\n(error) ERR This instance has cluster support disabled",
        "3.0.0",
        "node-id",
        CHANGES,
        "Removes a node from the node's table.",
    ),
    Command {
        complexity: "O(N) where N is the number of requested keys",
        tips: VARYING,
        ..of_node(
            "getkeysinslot",
            "> CLUSTER GETKEYSINSLOT 1 10\n(error) ERR This instance has cluster support disabled",
            "3.0.0",
            "slot count",
            ASKS_KEYS,
            "Returns keys of a slot.",
        )
    },
    Command {
        complexity: "O(N) where N is the number of migrations",
        ..of_node(
            "getslotmigrations",
            "> CLUSTER GETSLOTMIGRATIONS\n(error) ERR This instance has cluster support disabled",
            "9.0.0",
            "",
            CHANGES,
            "Returns the state of slot migrations.",
        )
    },
    Command {
        tips: VARYING,
        ..of_node(
            "info",
            "> CLUSTER INFO\n(error) ERR This instance has cluster support disabled",
            "3.0.0",
            "",
            ASKS,
            "Returns the node's state.",
        )
    },
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
        ..of_node(
            "links",
            "> CLUSTER LINKS\n(error) ERR This instance has cluster support disabled",
            "7.0.0",
            "",
            ASKS_KEYS,
            "Returns the links to and from other nodes.",
        )
    },
    of_node(
        "meet",
        "> CLUSTER MEET 127.0.0.1 7000\n(error) ERR This instance has cluster support disabled",
        "3.0.0",
        "ip port [cluster-bus-port]",
        CHANGES,
        "Greets another node.",
    ),
    Command {
        // Redis leaves it to the command to find that NODE is missing.
        arity: Some(-4),
        complexity: SLOTS,
        ..of_node(
            "migrateslots",
            "> CLUSTER MIGRATESLOTS SLOTSRANGE 1 2 NODE node\n(error) ERR This instance has cluster support disabled",
            "9.0.0",
            "SLOTSRANGE start-slot end-slot [start-slot end-slot ...] NODE node-id \
             [SLOTSRANGE start-slot end-slot [start-slot end-slot ...] NODE node-id ...]",
            CHANGES,
            "Moves slots from this node to others.",
        )
    },
    of_node(
        "myid",
        "> CLUSTER MYID\n(error) ERR This instance has cluster support disabled",
        "3.0.0",
        "",
        ASKS,
        "Returns the node's id.",
    ),
    Command {
        tips: VARYING,
        ..of_node(
            "myshardid",
            "> CLUSTER MYSHARDID\n(error) ERR This instance has cluster support disabled",
            "7.2.0",
            "",
            ASKS,
            "Returns the id of the node's shard.",
        )
    },
    Command {
        complexity: NODES,
        tips: VARYING,
        ..of_node(
            "nodes",
            "> CLUSTER NODES\n(error) ERR This instance has cluster support disabled",
            "3.0.0",
            "",
            ASKS,
            "Returns the cluster as the node knows it.",
        )
    },
    Command {
        complexity: NODES,
        tips: VARYING,
        ..of_node(
            "replicas",
            "> CLUSTER REPLICAS node\n(error) ERR This instance has cluster support disabled",
            "5.0.0",
            "node-id",
            ASKS_ADMIN,
            "Lists the replicas of a primary.",
        )
    },
    of_node(
        "replicate",
        "> CLUSTER REPLICATE NO ONE\n(error) ERR This instance has cluster support disabled",
        "3.0.0",
        "<node-id | NO ONE>",
        CHANGES,
        "Makes the node a replica of a primary, or of none.",
    ),
    Command {
        complexity: NODES,
        ..of_node(
            "reset",
            "> CLUSTER RESET\n(error) ERR This instance has cluster support disabled",
            "3.0.0",
            "[HARD | SOFT]",
            &[Flag::Admin, Flag::NoScript, Flag::Stale],
            "Makes the node a new one.",
        )
    },
    of_node(
        "saveconfig",
        "> CLUSTER SAVECONFIG\n(error) ERR This instance has cluster support disabled",
        "3.0.0",
        "",
        CHANGES,
        "Saves the cluster's configuration.",
    ),
    of_node(
        "set-config-epoch",
        "> CLUSTER SET-CONFIG-EPOCH 1\n(error) ERR This instance has cluster support disabled",
        "3.0.0",
        "config-epoch",
        CHANGES,
        "Sets a new node's epoch.",
    ),
    of_node(
        "setslot",
        "> CLUSTER SETSLOT 1 STABLE\n(error) ERR This instance has cluster support disabled",
        "3.0.0",
        "slot <IMPORTING node-id | MIGRATING node-id | NODE node-id | STABLE> [TIMEOUT timeout]",
        CHANGES,
        "Says which node has a slot, or is getting it.",
    ),
    Command {
        complexity: NODES,
        tips: VARYING,
        ..of_node(
            "shards",
            "> CLUSTER SHARDS\n(error) ERR This instance has cluster support disabled",
            "7.0.0",
            "",
            ASKS,
            "Returns which shard has which slots.",
        )
    },
    Command {
        complexity: NODES,
        tips: VARYING,
        ..of_node(
            "slaves",
            "> CLUSTER SLAVES node\n(error) ERR This instance has cluster support disabled",
            "3.0.0",
            "node-id",
            ASKS_ADMIN,
            "Lists the replicas of a primary.",
        )
    },
    Command {
        complexity: "O(N log N) where N is the number of slots asked for",
        tips: &["nondeterministic_output", "request_policy:all_shards"],
        ..of_node(
            "slot-stats",
            "> CLUSTER SLOT-STATS ORDERBY key-count\n(error) ERR This instance has cluster support disabled",
            "8.0.0",
            "<SLOTSRANGE start-slot end-slot | ORDERBY metric [LIMIT limit] [ASC | DESC]>",
            ASKS,
            "Returns how slots are used.",
        )
    },
    Command {
        complexity: NODES,
        tips: VARYING,
        ..of_node(
            "slots",
            "> CLUSTER SLOTS\n(error) ERR This instance has cluster support disabled",
            "3.0.0",
            "",
            ASKS,
            "Returns which node has which slots.",
        )
    },
    of_node(
        "help",
        "> CLUSTER HELP\n(error) ERR This instance has cluster support disabled",
        "5.0.0",
        "",
        ASKS,
        "Prints this help, on a cluster node.",
    ),
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
        example: "> MODULE LOAD /tmp/module.so\n(error) ERR MODULE command not allowed. If the enable-module-command option is set to \"local\", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.",
        summary: "Loads a module; always refused.",
        syntax: "path [arg [arg ...]]",
        since: "4.0.0",
        flags: LOADS,
        handler: Handler::Control(refuse_module),
        ..MODULE
    },
    Command {
        name: "loadex",
        example: "> MODULE LOADEX /tmp/module.so\n(error) ERR MODULE command not allowed. If the enable-module-command option is set to \"local\", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.",
        summary: "Loads a module with parameters; always refused.",
        syntax: "path [CONFIG name value [CONFIG name value ...]] [ARGS args [args ...]]",
        since: "7.0.0",
        flags: LOADS,
        handler: Handler::Control(refuse_module),
        ..MODULE
    },
    Command {
        name: "unload",
        example: "> MODULE UNLOAD module\n(error) ERR MODULE command not allowed. If the enable-module-command option is set to \"local\", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.",
        summary: "Unloads a module; always refused.",
        syntax: "name",
        since: "4.0.0",
        flags: LOADS,
        handler: Handler::Control(refuse_module),
        ..MODULE
    },
    Command {
        name: "help",
        example: r#"
            > MODULE HELP
             1) MODULE <subcommand> [<arg> [value] [opt] ...]. Subcommands are:
             2) LIST
             3)     Lists modules. There are none.
             4) LOAD path [arg [arg ...]]
             5)     Loads a module; always refused.
             6) LOADEX path [CONFIG name value [CONFIG name value ...]] [ARGS args [args ...]]
             7)     Loads a module with parameters; always refused.
             8) UNLOAD name
             9)     Unloads a module; always refused.
            10) HELP
            11)     Prints this help.
        "#,
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

/// The slot of a key: CRC16 of what stands between its first `{` and the next `}` if there is
/// something, else of the whole key, modulo 16384.
fn slot_of(key: &[u8]) -> u16 {
    let tag = key.iter().position(|byte| *byte == b'{').and_then(|open| {
        let rest = &key[open + 1..];
        let close = rest.iter().position(|byte| *byte == b'}')?;
        (close > 0).then(|| &rest[..close])
    });
    crc16(tag.unwrap_or(key)) % 16_384
}

/// CRC-16/XMODEM: polynomial 0x1021, from 0, most significant bit first. Bit by bit: one key a
/// call.
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
