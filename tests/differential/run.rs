//! A run: pipelines to both servers, replies compared, the whole data compared from time to time.

use super::compare::{equal, scanned, show, show_words};
use super::coverage::Coverage;
use super::generate::{Generator, Request};
use super::grammar::Grammar;
use super::keys;
use super::policy::{self, Compare};
use super::server::Peer;
use coolcache::resp::OwnedReply;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Connections to each server; the odd ones speak RESP3.
pub const CLIENTS: usize = 4;
/// Requests in a pipeline.
const PIPELINE: usize = 50;
/// Pipelines between two comparisons of all data.
const DIGEST_EVERY: u64 = 20;
/// Requests that are remembered, and of these shown.
const HISTORY: usize = 4000;
const SHOWN: usize = 25;
/// Databases of each server.
const ALL_DATABASES: usize = 16;
/// DUMP payloads that are kept.
const PAYLOADS: usize = 64;
/// Requests between two changes of the limits.
const SEASON: u64 = 4000;
/// The limits of the small forms: the usual ones, and low ones.
const LIMITS: &[(&str, &str, &str)] = &[
    ("hash-max-listpack-entries", "512", "5"),
    ("hash-max-listpack-value", "64", "30"),
    ("set-max-intset-entries", "512", "4"),
    ("set-max-listpack-entries", "128", "6"),
    ("set-max-listpack-value", "64", "30"),
    ("zset-max-listpack-entries", "128", "5"),
    ("zset-max-listpack-value", "64", "30"),
    ("list-max-listpack-size", "-2", "4"),
    ("stream-node-max-entries", "100", "7"),
    ("stream-node-max-bytes", "4096", "200"),
];
/// After so many differences nothing new is learned.
const DIFFERENCES_MAX: usize = 40;
/// Of each command these are shown.
const DIFFERENCES_OF_ONE_MAX: u64 = 2;

/// A request with both replies.
pub struct Case<'a> {
    /// The command's full name.
    pub name: &'a str,
    /// The request's words.
    pub words: &'a [Vec<u8>],
    /// Our reply.
    pub ours: &'a OwnedReply,
    /// The peer's.
    pub theirs: &'a OwnedReply,
}

/// A run in progress.
pub struct Run<'g> {
    grammar: &'g Grammar,
    generator: Generator<'g>,
    ours: Peer,
    theirs: Peer,
    /// What was sent and seen.
    pub coverage: Coverage<'g>,
    /// Differences that are not listed, as texts.
    pub differences: Vec<String>,
    /// How often each listed divergence was seen.
    pub divergences: Vec<u64>,
    /// How often each command differed.
    pub differing: BTreeMap<String, u64>,
    sent: u64,
    history: VecDeque<(usize, Request, String)>,
    /// The data is not comparable any more, or a server is gone.
    ended: bool,
}

impl<'g> Run<'g> {
    /// A run that has sent nothing yet.
    pub fn new(grammar: &'g Grammar, ours: Peer, theirs: Peer, seed: u64, often: u64) -> Run<'g> {
        let mut generator = Generator::new(grammar, seed, often);
        generator.domain.is_old = theirs.kind == super::Kind::Redis;
        Run {
            grammar,
            generator,
            ours,
            theirs,
            coverage: Coverage::new(grammar),
            differences: Vec::new(),
            divergences: vec![0; policy::divergences().count()],
            differing: BTreeMap::new(),
            sent: 0,
            history: VecDeque::new(),
            ended: false,
        }
    }

    /// Sends so many requests, or fewer if the differences become too many.
    pub fn send(&mut self, requests: u64) {
        let mut pipelines = 0;
        let mut season = 0;
        while self.sent < requests && !self.ended && self.differences.len() < DIFFERENCES_MAX {
            if self.sent >= season {
                self.begin_season();
                season = self.sent + SEASON;
            }
            let client = self.generator.domain.rng.index(CLIENTS);
            let pipeline = self.pipeline(client);
            self.exchange(client, &pipeline);
            pipelines += 1;
            if pipelines % DIGEST_EVERY == 0 && !self.ended {
                self.compare_data();
            }
        }
        if !self.ended {
            self.compare_data();
        }
    }

    /// Empties both servers and sets the limits of the small forms: the usual ones, or such that
    /// small collections outgrow them.
    fn begin_season(&mut self) {
        let is_small = self.generator.domain.percent(40);
        for (name, usual, small) in LIMITS {
            let value = if is_small { small } else { usual };
            for peer in [&mut self.ours, &mut self.theirs] {
                peer.call(&[b"FLUSHALL"]);
                // Redis 7.0 has not all of them.
                peer.call(&[b"CONFIG", b"SET", name.as_bytes(), value.as_bytes()]);
            }
        }
    }

    /// A pipeline: it begins with the client's protocol, and a SCAN that is to be followed ends it.
    fn pipeline(&mut self, client: usize) -> Vec<Request> {
        let version: &[u8] = if client.is_multiple_of(2) { b"2" } else { b"3" };
        let mut pipeline = vec![self.generator.plain("hello", &[version], Compare::Kind)];
        while pipeline.len() < PIPELINE {
            self.generator.draw(&mut pipeline);
            let ends = |last: &Request| matches!(last.compare, Compare::Iterated | Compare::Taken);
            if pipeline.last().is_some_and(ends) {
                break;
            }
        }
        pipeline
    }

    fn exchange(&mut self, client: usize, pipeline: &[Request]) {
        self.ours.send(client, pipeline.iter().map(|request| request.words.clone()));
        self.theirs.send(client, pipeline.iter().map(|request| request.words.clone()));
        let mut replies = Vec::new();
        for request in pipeline {
            if !request.answered {
                replies.push(None);
                continue;
            }
            match (self.ours.receive(client), self.theirs.receive(client)) {
                (Ok(ours), Ok(theirs)) => replies.push(Some((ours, theirs))),
                (ours, theirs) => {
                    let errors: Vec<_> = [ours.err(), theirs.err()].into_iter().flatten().collect();
                    let context = self.context(request);
                    self.differences.push(format!("{}\n{context}", errors.join("\n")));
                    self.ended = true;
                    break;
                }
            }
        }
        for (n, (request, reply)) in pipeline.iter().zip(&replies).enumerate() {
            self.sent += 1;
            self.coverage.count(request, reply.as_ref().map(|(ours, _)| ours));
            let Some((ours, theirs)) = reply else {
                self.remember(client, request, "(silenced)".to_owned());
                continue;
            };
            let next = replies.get(n + 1).and_then(Option::as_ref).map(|(ours, _)| ours);
            if let OwnedReply::Error(error) = ours {
                self.generator.had_error(request, error);
            }
            self.compare(request, ours, theirs, next);
            self.remember(client, request, show(ours));
            match request.compare {
                Compare::Iterated => self.follow(client, request, ours, theirs),
                Compare::Taken => self.make_up(client, request, ours, theirs),
                _ => {}
            }
        }
    }

    fn compare(
        &mut self,
        request: &Request,
        ours: &OwnedReply,
        theirs: &OwnedReply,
        next: Option<&OwnedReply>,
    ) {
        if request.compare == Compare::Payload {
            self.keep_payload(ours);
            self.keep_payload(theirs);
        }
        if equal(request.compare, ours, theirs, next) {
            return;
        }
        let name = request.form.map_or("", |form| &self.grammar.forms[form].name);
        let case = Case { name, words: &request.words, ours, theirs };
        let peer = self.theirs.kind;
        let known =
            policy::divergences().position(|(known, _)| known.peer == peer && (known.is)(&case));
        if let Some(known) = known {
            self.divergences[known] += 1;
            return;
        }
        let of_name = self.differing.entry(name.to_owned()).or_default();
        *of_name += 1;
        if *of_name > DIFFERENCES_OF_ONE_MAX {
            return;
        }
        let (ours, theirs) = (show(ours), show(theirs));
        let text = format!("ours    {ours}\ntheirs  {theirs}\n{}", self.context(request));
        self.differences.push(text);
    }

    fn keep_payload(&mut self, reply: &OwnedReply) {
        let OwnedReply::Bulk(payload) = reply else { return };
        let domain = &mut self.generator.domain;
        if domain.payloads.len() < PAYLOADS {
            domain.payloads.push(payload.clone());
        } else {
            let at = domain.rng.index(PAYLOADS);
            domain.payloads[at].clone_from(payload);
        }
    }

    /// Follows both cursors to their ends; cursors differ, what they bring in all does not.
    fn follow(&mut self, client: usize, request: &Request, ours: &OwnedReply, theirs: &OwnedReply) {
        let name = request.form.map_or("", |form| &self.grammar.forms[form].name);
        let cursor_at = if name == "scan" { 1 } else { 2 };
        if request.words.get(cursor_at).is_none_or(|cursor| cursor != b"0") {
            return;
        }
        let has = |token: &[u8]| request.words.iter().any(|word| word.eq_ignore_ascii_case(token));
        let is_single = matches!(name, "scan" | "sscan") || has(b"NOVALUES") || has(b"NOSCORES");
        let each = if is_single { 1 } else { 2 };
        let (Some(ours), Some(theirs)) = (scanned(ours, each), scanned(theirs, each)) else {
            return;
        };
        let scan = Scan { client, words: &request.words, cursor_at, each };
        let mut all_ours = scan.iterate(&mut self.ours, ours);
        let mut all_theirs = scan.iterate(&mut self.theirs, theirs);
        if name == "zscan" && each == 2 {
            // Scores as numbers: their texts differ with the set's form, which DIVERGENCES has.
            for all in [&mut all_ours, &mut all_theirs] {
                *all = std::mem::replace(all, Ok(BTreeSet::new())).map(numbers);
            }
        }
        if all_ours != all_theirs {
            let context = self.context(request);
            let text = format!("in all, ours {all_ours:?}\ntheirs {all_theirs:?}\n{context}");
            self.differences.push(text);
        }
    }

    /// Adds on the peer what it took, and removes there what we took.
    fn make_up(
        &mut self,
        client: usize,
        request: &Request,
        ours: &OwnedReply,
        theirs: &OwnedReply,
    ) {
        let Some(key) = request.words.get(1) else { return };
        for (command, taken) in [(&b"SADD"[..], theirs), (&b"SREM"[..], ours)] {
            let members: Vec<Vec<u8>> = match taken {
                OwnedReply::Bulk(member) => vec![member.clone()],
                OwnedReply::Array(items) | OwnedReply::Set(items) => {
                    items.iter().cloned().filter_map(bulk).collect()
                }
                _ => return,
            };
            if members.is_empty() {
                return;
            }
            let mut words = vec![command.to_vec(), key.clone()];
            words.extend(members);
            self.theirs.send(client, std::iter::once(words));
            if let Err(error) = self.theirs.receive(client) {
                self.differences.push(error);
                self.ended = true;
            }
        }
    }

    fn remember(&mut self, client: usize, request: &Request, reply: String) {
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back((client, request.clone(), reply));
    }

    /// The request, and what was last sent about its keys.
    fn context(&self, request: &Request) -> String {
        let keys = keys::all();
        let keys = keys.iter().filter(|key| !key.is_empty() && request.words.contains(key));
        let about = self.about(&keys.cloned().collect::<Vec<_>>());
        format!("to      {}\nafter\n{about}", show_words(&request.words))
    }

    /// The last requests that name one of the keys, or may touch all.
    fn about(&self, keys: &[Vec<u8>]) -> String {
        const TOUCH_ALL: &[&str] = &["flushdb", "swapdb", "select", "reset", "debug|reload"];
        let is_about = |request: &Request| {
            let name = request.form.map_or("", |form| &self.grammar.forms[form].name);
            TOUCH_ALL.contains(&name) || request.words.iter().any(|word| keys.contains(word))
        };
        let lines = self.history.iter().rev().filter(|(_, request, _)| is_about(request));
        let lines = lines.take(SHOWN).map(|(client, request, reply)| {
            format!("  {client}> {}   {reply}", show_words(&request.words))
        });
        let mut lines: Vec<String> = lines.collect();
        lines.reverse();
        lines.join("\n")
    }

    /// Compares DEBUG DIGEST; if it differs, finds the keys.
    fn compare_data(&mut self) {
        let digest: &[&[u8]] = &[b"DEBUG", b"DIGEST"];
        let (ours, theirs) = (self.ours.call(digest), self.theirs.call(digest));
        if ours == theirs {
            return;
        }
        self.ended = true;
        let mut text = format!("the data differs: {} {}", show(&ours), show(&theirs));
        for db in 0..ALL_DATABASES {
            let db = db.to_string();
            for peer in [&mut self.ours, &mut self.theirs] {
                peer.call(&[b"SELECT", db.as_bytes()]);
            }
            let listed = [&mut self.ours, &mut self.theirs].map(|peer| peer.call(&[b"KEYS", b"*"]));
            let mut keys = BTreeSet::new();
            for key in listed.into_iter().filter_map(elements).flatten() {
                keys.extend(bulk(key));
            }
            for key in keys {
                let ask: &[&[u8]] = &[b"DEBUG", b"DIGEST-VALUE", &key];
                if self.ours.call(ask) == self.theirs.call(ask) {
                    continue;
                }
                let mut values = [&mut self.ours, &mut self.theirs].map(|peer| {
                    let value = show(&whole(peer, &key));
                    format!("{value} expires {}", show(&peer.call(&[b"PEXPIRETIME", &key])))
                });
                let [ours, theirs] = values.each_mut().map(std::mem::take);
                let about = self.about(std::slice::from_ref(&key));
                let key = show_words(&[key]);
                text += &format!(
                    "\ndatabase {db} key {key}\nours    {ours}\ntheirs  {theirs}\n{about}"
                );
            }
        }
        self.differences.push(text);
    }
}

/// A key's value, whatever its type.
fn whole(peer: &mut Peer, key: &[u8]) -> OwnedReply {
    let read: &[&[u8]] = match peer.call(&[b"TYPE", key]) {
        OwnedReply::Simple(name) => match name.as_slice() {
            b"list" => &[b"LRANGE", key, b"0", b"-1"],
            b"set" => &[b"SMEMBERS", key],
            b"hash" => &[b"HGETALL", key],
            b"zset" => &[b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"],
            b"stream" => &[b"XRANGE", key, b"-", b"+"],
            _ => &[b"GET", key],
        },
        _ => &[b"GET", key],
    };
    peer.call(read)
}

fn elements(reply: OwnedReply) -> Option<Vec<OwnedReply>> {
    if let OwnedReply::Array(items) = reply { Some(items) } else { None }
}

fn bulk(reply: OwnedReply) -> Option<Vec<u8>> {
    if let OwnedReply::Bulk(bytes) = reply { Some(bytes) } else { None }
}

/// What makes an iteration.
struct Scan<'a> {
    client: usize,
    words: &'a [Vec<u8>],
    cursor_at: usize,
    /// Words an element.
    each: usize,
}

impl Scan<'_> {
    /// All elements that a cursor brings from a first reply on.
    fn iterate(
        &self,
        peer: &mut Peer,
        first: (Vec<u8>, BTreeSet<Vec<String>>),
    ) -> Result<BTreeSet<Vec<String>>, String> {
        /// Far more than the keys and members need.
        const STEPS_MAX: usize = 10_000;
        let (mut cursor, mut all) = first;
        for _ in 0..STEPS_MAX {
            if cursor == b"0" {
                return Ok(all);
            }
            let mut words = self.words.to_vec();
            words[self.cursor_at] = cursor;
            peer.send(self.client, std::iter::once(words));
            let reply = peer.receive(self.client)?;
            let (next, found) = scanned(&reply, self.each).ok_or_else(|| show(&reply))?;
            cursor = next;
            all.extend(found);
        }
        Err(format!("the cursor never ends; at last {}", cursor.escape_ascii()))
    }
}

/// Pairs of a member and a score, with the score as a number's text.
fn numbers(pairs: BTreeSet<Vec<String>>) -> BTreeSet<Vec<String>> {
    let as_number = |text: &String| text.trim_matches('"').parse::<f64>().map(|n| n.to_string());
    let each = |mut pair: Vec<String>| {
        if let Some(score) = pair.get_mut(1)
            && let Ok(number) = as_number(score)
        {
            *score = number;
        }
        pair
    };
    pairs.into_iter().map(each).collect()
}
