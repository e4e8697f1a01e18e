//! A log at work: append, write, sync, roll, base, read, stop and start again.

use super::*;

#[test]
fn what_was_appended_is_recovered() {
    let disk = SimDisk::new(&dir());
    let settings = small_settings();
    let (expected, _) = stream(100);
    let log = begin(&disk, &settings, 1);
    for n in 0..60 {
        commit(&log, n);
    }
    let Positions { emitted, written, synced } = log.positions();
    assert!(emitted == written && written == synced && emitted > Lsn(0));
    assert!(log.info().segments > 2, "it has rolled");
    log.seal_and_close().unwrap();
    drop(log);

    let (again, engine) = recovered(&disk, &settings).unwrap();
    assert_eq!(again.last_lsn, emitted);
    assert_eq!(again.ids, [(id(1), emitted)]);
    assert_eq!((again.source, again.foreign_records), (Source::Log, 0));
    assert!(again.torn.is_none());
    assert_eq!(engine.stream, expected[..emitted.0 as usize]);

    let log = again.start_stepped(start(2)).unwrap();
    for n in 60..100 {
        commit(&log, n);
    }
    log.seal_and_close().unwrap();
    let (again, engine) = recovered(&disk, &settings).unwrap();
    assert_eq!(engine.stream, expected);
    assert_eq!(again.ids, [(id(2), Lsn(expected.len() as u64)), (id(1), emitted)]);
}
