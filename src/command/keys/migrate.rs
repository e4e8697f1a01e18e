//! MIGRATE: keys to another server, and away from here once they are there.

use super::GENERIC;
use crate::base::number;
use crate::command::{
    Access, Action, Answer, Authentication, Call, Command, Control, Error, Flag, Follow, Handler,
    Keys, Migrate, Result, Sees,
};
use crate::resp::Reply;
use std::time::Duration;

pub(super) const MIGRATE: Command = Command {
    name: "migrate",
    summary: "Moves keys to another server. Other clients go on meanwhile; a key that they change \
              is left here, and the reply says so.",
    syntax: "host port <key | \"\"> destination-db timeout [COPY] [REPLACE] \
             [AUTH password | AUTH2 username password] [KEYS key [key ...]]",
    example: r#"
        > SET a 1
        OK
        > MIGRATE 127.0.0.1 7000 missing 0 1000
        NOKEY
        log:
        > MIGRATE 127.0.0.1 7000 "" 0 1000 COPY KEYS b c
        NOKEY
        > MIGRATE 127.0.0.1 7000 a 0 1000 KEYS b
        (error) ERR When using MIGRATE KEYS option, the key argument must be set to the empty string
    "#,
    since: "2.6.0",
    complexity: "O(N) with N the bytes of the keys' values, here and at the other server",
    keys: &[
        Keys::One(3, Access::ReadDelete),
        Keys::Keyword("KEYS", -2, Follow::All, Access::ReadDeleteIncomplete),
    ],
    flags: &[Flag::Write],
    // That there are no such keys, or what they were: its action looks.
    sees: Sees::Everything,
    categories: &["dangerous"],
    tips: &["nondeterministic_output"],
    handler: Handler::Control(migrate),
    ..GENERIC
};

fn migrate<'a>(control: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    /// What a timeout below 1 means, as in Redis.
    const DEFAULT_TIMEOUT_MS: u64 = 1000;
    let options = MigrateOptions::parse(call)?;
    let timeout_ms = match u64::try_from(call.int(5)?) {
        Ok(ms) if ms > 0 => ms,
        _ => DEFAULT_TIMEOUT_MS,
    };
    let db = call.int(4)?;
    let view = control.view().counted();
    let keys = options.first_key..options.end_of_keys;
    let keys: Vec<Vec<u8>> = keys
        .map(|n| call.key(n))
        .filter(|key| view.exists(*key))
        .map(|key| key.bytes.to_vec())
        .collect();
    if keys.is_empty() {
        return Ok(Reply::Simple("NOKEY").into());
    }
    // Redis reads a port that is none as 0, to which nothing connects.
    let port = number::parse_i64(call.arg(2)).and_then(|port| u16::try_from(port).ok());
    Ok(Answer::Do(Action::Migrate(Box::new(Migrate {
        host: String::from_utf8_lossy(call.arg(1)).into_owned(),
        port: port.unwrap_or(0),
        keys,
        db,
        timeout: Duration::from_millis(timeout_ms),
        copy: options.copy,
        replace: options.replace,
        authentication: options.authentication,
    }))))
}

/// What may follow MIGRATE's timeout.
struct MigrateOptions {
    copy: bool,
    replace: bool,
    authentication: Option<Authentication>,
    /// Where the keys stand.
    first_key: usize,
    end_of_keys: usize,
}

impl MigrateOptions {
    fn parse(call: &Call<'_>) -> Result<Self> {
        let mut options = MigrateOptions {
            copy: false,
            replace: false,
            authentication: None,
            first_key: 3,
            end_of_keys: 4,
        };
        let mut n = 6;
        while n < call.len() {
            let behind = call.len() - 1 - n;
            if call.is(n, "COPY") {
                options.copy = true;
            } else if call.is(n, "REPLACE") {
                options.replace = true;
            } else if call.is(n, "AUTH") && behind >= 1 {
                let password = call.arg(n + 1).to_vec();
                options.authentication = Some(Authentication { user: None, password });
                n += 1;
            } else if call.is(n, "AUTH2") && behind >= 2 {
                let (user, password) = (call.arg(n + 1).to_vec(), call.arg(n + 2).to_vec());
                options.authentication = Some(Authentication { user: Some(user), password });
                n += 2;
            } else if call.is(n, "KEYS") {
                if !call.arg(3).is_empty() {
                    return Err(Error::text(
                        "ERR When using MIGRATE KEYS option, the key argument must be set to the \
                         empty string",
                    ));
                }
                (options.first_key, options.end_of_keys) = (n + 1, call.len());
                break;
            } else {
                return Err(Error::Syntax);
            }
            n += 1;
        }
        Ok(options)
    }
}
