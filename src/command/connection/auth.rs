//! HELLO and AUTH: the protocol, and the password of the one user there is (`default`, with
//! `requirepass`).

use super::client::name_is_valid;
use super::{Answer, CONNECTION, Call, Command, Control, Error, Flag, Handler, Result};
use crate::admin::info::REDIS_VERSION;
use crate::base::number;
use crate::command::error::c_text;
use crate::resp::{Protocol, Reply};
use sha2::{Digest, Sha256};

const FLAGS: &[Flag] =
    &[Flag::NoScript, Flag::Loading, Flag::Stale, Flag::Fast, Flag::NoAuth, Flag::AllowBusy];

pub const AUTH: Command = Command {
    name: "auth",
    summary: "Authenticates the connection.",
    syntax: "[username] password",
    example: r#"
        > AUTH secret
        (error) ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?
        > AUTH nobody secret
        (error) WRONGPASS invalid username-password pair or user is disabled.
    "#,
    complexity: "O(N) where N is the number of passwords of the user",
    flags: FLAGS,
    handler: Handler::Control(auth),
    ..CONNECTION
};

pub const HELLO: Command = Command {
    name: "hello",
    summary: "Chooses the protocol, may authenticate and name the connection, and returns facts about the server.",
    syntax: "[protover [AUTH username password] [SETNAME clientname]]",
    example: r#"
        > HELLO 4
        (error) NOPROTO unsupported protocol version
        > HELLO 3 NAME bob
        (error) ERR Syntax error in HELLO option 'NAME'
    "#,
    since: "6.0.0",
    flags: FLAGS,
    handler: Handler::Control(hello),
    ..CONNECTION
};

fn auth<'a>(control: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    let (user, password) = match call.args() {
        [_, password] if needs_password(control) => (b"default".as_slice(), *password),
        [_, _] => {
            return Err(Error::text(
                "ERR AUTH <password> called without any password configured for the default user. \
                 Are you sure your configuration is correct?",
            ));
        }
        [_, user, password] => (*user, *password),
        _ => return Err(Error::Syntax),
    };
    authenticate(control, user, password)?;
    Ok(Reply::Ok.into())
}

/// HELLO's options.
#[derive(Default)]
struct Hello<'a> {
    protocol: Option<Protocol>,
    /// User and password.
    auth: Option<(&'a [u8], &'a [u8])>,
    name: Option<&'a [u8]>,
}

impl<'a> Hello<'a> {
    fn parse(call: &Call<'a>) -> Result<Self> {
        let mut hello = Hello::default();
        let Some(version) = call.get(1) else { return Ok(hello) };
        hello.protocol = Some(match number::parse_i64(version) {
            Some(2) => Protocol::Resp2,
            Some(3) => Protocol::Resp3,
            Some(_) => return Err(Error::text("NOPROTO unsupported protocol version")),
            None => {
                return Err(Error::text("ERR Protocol version is not an integer or out of range"));
            }
        });
        let mut at = 2;
        while let Some(option) = call.get(at) {
            let (first, second) = (call.get(at + 1), call.get(at + 2));
            match (first, second) {
                (Some(user), Some(password)) if call.is(at, "AUTH") => {
                    hello.auth = Some((user, password));
                    at += 3;
                }
                (Some(name), _) if call.is(at, "SETNAME") => {
                    name_is_valid(name)?;
                    hello.name = Some(name);
                    at += 2;
                }
                _ => {
                    let option = c_text(option);
                    let text = format!("ERR Syntax error in HELLO option '{option}'");
                    return Err(Error::owned(text));
                }
            }
        }
        Ok(hello)
    }
}

fn hello<'a>(control: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    let hello = Hello::parse(call)?;
    if let Some((user, password)) = hello.auth {
        authenticate(control, user, password)?;
    }
    let session = control.session();
    if !session.authenticated {
        return Err(Error::text(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the \
             HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and \
             select the RESP protocol version at the same time",
        ));
    }
    if let Some(name) = hello.name {
        session.name = name.to_vec();
    }
    if let Some(protocol) = hello.protocol {
        session.protocol = protocol;
    }
    let version = match session.protocol {
        Protocol::Resp2 => 2,
        Protocol::Resp3 => 3,
    };
    let text = |text: &'static str| Reply::Bulk(text.as_bytes());
    let facts = vec![
        (text("server"), text("redis")),
        (text("version"), text(REDIS_VERSION)),
        (text("proto"), Reply::Int(version)),
        (text("id"), Reply::Int(session.id as i64)),
        (text("mode"), text("standalone")),
        (text("role"), text("master")),
        (text("modules"), Reply::EMPTY),
    ];
    Ok(Reply::Map(facts).into())
}

/// Whether a new connection must authenticate before anything else.
pub fn needs_password(control: &Control<'_>) -> bool {
    !control.admin.config.requirepass().is_empty()
}

/// Lets the connection in, or says why not. Without `requirepass` the default user takes any
/// password, as in Redis.
fn authenticate(control: &mut Control<'_>, user: &[u8], password: &[u8]) -> Result<()> {
    let right = !needs_password(control)
        || same_secret(control.admin.config.requirepass().as_bytes(), password);
    if !(right && user == b"default") {
        return Err(Error::text("WRONGPASS invalid username-password pair or user is disabled."));
    }
    let session = control.session();
    (session.authenticated, session.was_authenticated) = (true, true);
    Ok(())
}

/// Compares by digest, all bytes of it, so that the time says nothing about where the two differ.
fn same_secret(one: &[u8], other: &[u8]) -> bool {
    let (one, other) = (Sha256::digest(one), Sha256::digest(other));
    let difference = one.iter().zip(&other).fold(0, |all, (a, b)| all | (a ^ b));
    std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_compared_whole() {
        assert!(same_secret(b"secret", b"secret"));
        for other in [b"".as_slice(), b"secre", b"secreT", b"secret ", b"Secret"] {
            assert!(!same_secret(b"secret", other));
        }
    }
}
