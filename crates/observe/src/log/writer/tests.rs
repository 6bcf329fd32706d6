use std::{
    env, fs,
    io::{BufRead, BufReader, pipe},
    os::{fd::AsRawFd, unix::fs::PermissionsExt},
    path::{Path, PathBuf},
    process,
    sync::{
        Arc,
        mpsc::{Receiver, channel},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use yumen_model::{AccessLog, Bytes, LogFormat, LogRotation, LogSink};

use super::{
    super::{QUEUE_CHUNKS, losses::TELL_EVERY, tally::LineLoss},
    Log, LogTally, LogWriter, Losses, Way,
};
use crate::{LogBuffer, Record};

/// Longer than anything takes; reached only by a failure.
const PATIENCE: Duration = Duration::from_secs(20);

struct Started {
    writer: LogWriter,
    tally: Arc<LogTally>,
    told: Receiver<String>,
}

fn start(to: LogSink, format: LogFormat) -> Started {
    let tally = Arc::new(LogTally::default());
    let (tell, told) = channel();
    let writer = LogWriter::start(
        vec![AccessLog { to, format, ..AccessLog::default() }.into()],
        Arc::clone(&tally),
        move |text: &str| {
            tell.send(text.to_owned()).unwrap();
        },
    );
    Started { writer: writer.unwrap(), tally, told }
}

/// An empty folder of this test, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let folder = env::temp_dir().join(format!("yumen-observe-{}-{test}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn file(path: &Path) -> LogSink {
    LogSink::File(path.to_str().unwrap().to_owned())
}

fn write(buffer: &mut LogBuffer, ids: impl IntoIterator<Item = u64>) {
    for id in ids {
        let record = Record {
            request_id: b"0b2d7c1e55aa4f10",
            revision: id,
            path: b"/a/path/of/some/length",
            ..Record::default()
        };
        buffer.write(&record);
    }
}

/// The records of a file of JSON lines, each of them whole.
fn ids(path: &Path) -> Vec<u64> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines()
        .map(|line| {
            let object: Value = serde_json::from_str(line).unwrap();
            object["revision"].as_u64().unwrap()
        })
        .collect()
}

/// Lines that found the queue in front of a file full.
fn queue_full(tally: &LogTally) -> u64 {
    tally.way(Way::File).lost(LineLoss::QueueFull)
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        thread::yield_now();
    }
}

#[test]
fn lines_of_all_workers_arrive_whole_and_in_order() {
    const WORKERS: u64 = 3;
    const LINES: u64 = 2_000;
    let folder = Folder::new("workers");
    let path = folder.file("access.log");
    let log = start(file(&path), LogFormat::Json);
    thread::scope(|scope| {
        for worker in 0..WORKERS {
            let mut buffer = log.writer.buffer();
            scope.spawn(move || {
                write(&mut buffer, (0..LINES).map(|line| worker * LINES + line));
                buffer.flush();
            });
        }
    });
    assert_eq!(log.writer.finish(PATIENCE), 0);
    let ids = ids(&path);
    for worker in 0..WORKERS {
        let range = worker * LINES..(worker + 1) * LINES;
        assert!(ids.iter().copied().filter(|id| range.contains(id)).eq(range.clone()));
    }
    assert_eq!((log.tally.written(), log.tally.dropped()), (WORKERS * LINES, 0));
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o137, 0, "lines name clients: {mode:o}");
}

#[test]
fn a_pipe_that_nobody_reads_costs_lines_but_stops_no_worker() {
    let (reader, pipe) = pipe().unwrap();
    let path = format!("/proc/self/fd/{}", pipe.as_raw_fd());
    let log = start(LogSink::File(path), LogFormat::Json);
    drop(pipe);
    let mut buffer = log.writer.buffer();
    let mut handed = 0;
    // Flushed chunks are small: the queue is full after so many of them, and memory stays small.
    let pipe_chunks = 100;
    for id in 0..20 * u64::try_from(QUEUE_CHUNKS + pipe_chunks).unwrap() {
        write(&mut buffer, (0..10).map(|line| 10 * id + line));
        buffer.flush();
        handed += 10;
    }
    assert!(log.tally.dropped() > handed / 2, "{} of {handed}", log.tally.dropped());
    assert_eq!(log.tally.written() + log.tally.dropped() + log.tally.waiting(), handed);
    assert_eq!(queue_full(&log.tally), log.tally.dropped());

    // As soon as somebody reads, what waited arrives, and the operator hears of the rest.
    let reader = thread::spawn(move || BufReader::new(reader).lines().map(Result::unwrap).count());
    drop(buffer);
    assert_eq!(log.writer.finish(PATIENCE), 0);
    let written = log.tally.written();
    assert_eq!(written + log.tally.dropped(), handed);
    assert_eq!(u64::try_from(reader.join().unwrap()).unwrap(), written);
    let told = log.told.recv().unwrap();
    assert!(told.contains("they came faster than they could be written"), "{told}");
}

#[test]
fn finish_gives_up_in_time_and_says_what_was_left() {
    let (reader, pipe) = pipe().unwrap();
    let path = format!("/proc/self/fd/{}", pipe.as_raw_fd());
    let log = start(LogSink::File(path), LogFormat::Json);
    let mut buffer = log.writer.buffer();
    write(&mut buffer, 0..1_000);
    buffer.flush();
    let began = Instant::now();
    let left = log.writer.finish(Duration::from_millis(50));
    assert!(began.elapsed() < PATIENCE);
    assert!(left > 0);
    // The thread is stuck in a write; without a reader that write fails and the thread ends.
    drop((reader, pipe));
    wait_until("the thread counts what it lost", || log.tally.waiting() == 0);
    assert_eq!(log.tally.written() + log.tally.dropped(), 1_000);
    write(&mut buffer, 0..10);
    wait_until("after the end every line is lost and counted", || {
        buffer.flush();
        write(&mut buffer, 0..1);
        queue_full(&log.tally) > 0
    });
}

#[test]
fn finish_ends_the_thread_even_if_a_buffer_is_still_there() {
    let log = start(LogSink::File("/dev/null".to_owned()), LogFormat::Json);
    let mut buffer = log.writer.buffer();
    write(&mut buffer, 0..5);
    buffer.flush();
    wait_until("the thread has nothing left to do", || log.tally.written() == 5);
    assert_eq!(log.writer.finish(PATIENCE), 0);
    write(&mut buffer, 0..3);
    buffer.flush();
    assert_eq!((log.tally.written(), log.tally.dropped()), (5, 3), "nobody writes any more");
}

#[test]
fn a_full_disk_costs_lines_and_is_told_once() {
    let log = start(LogSink::File("/dev/full".to_owned()), LogFormat::Combined);
    let mut buffer = log.writer.buffer();
    for _ in 0..5 {
        write(&mut buffer, 0..10);
        buffer.flush();
    }
    assert_eq!(log.writer.finish(PATIENCE), 0);
    assert_eq!((log.tally.written(), log.tally.dropped()), (0, 50));
    let told: Vec<String> = log.told.iter().collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("access log: 10 lines lost: /dev/full: "), "{told:?}");
    assert!(told[0].contains("No space left"), "{told:?}");
}

#[test]
fn the_operator_is_told_once_a_minute_and_of_everything() {
    let (tell, told) = channel();
    let tell = Arc::new(move |text: &str| tell.send(text.to_owned()).unwrap());
    let mut losses = Losses::new(tell);
    let start = Instant::now();
    losses.tell("disk", 0, start);
    losses.tell("disk", 3, start);
    losses.tell("disk", 5, start + TELL_EVERY - Duration::from_millis(1));
    losses.cause = Some("full".to_owned());
    losses.tell("disk", 9, start + TELL_EVERY);
    losses.tell("disk", 9, start + 3 * TELL_EVERY);
    drop(losses);
    let told: Vec<String> = told.iter().collect();
    assert_eq!(
        told,
        [
            "access log: 3 lines lost: disk: they came faster than they could be written",
            "access log: 6 lines lost: disk: full",
        ]
    );
}

#[test]
fn a_file_that_was_moved_away_is_opened_anew() {
    let folder = Folder::new("reopen");
    let (path, moved) = (folder.file("access.log"), folder.file("access.log.1"));
    let log = start(file(&path), LogFormat::Json);
    let mut buffer = log.writer.buffer();
    write(&mut buffer, 0..5);
    buffer.flush();
    wait_until("the first lines are written", || log.tally.written() == 5);
    fs::rename(&path, &moved).unwrap();
    write(&mut buffer, 5..8);
    log.writer.reopen().unwrap();
    write(&mut buffer, 8..10);
    buffer.flush();
    assert_eq!(log.writer.finish(PATIENCE), 0);
    assert_eq!(ids(&moved), (0..8).collect::<Vec<_>>());
    assert_eq!(ids(&path), [8, 9]);
}

/// Two logs of two processes write to the same file; each line is in one of the files, whole.
#[test]
fn a_full_file_is_moved_aside_and_no_line_is_lost() {
    const LINES: u64 = 3_000;
    const BYTES: u64 = 100 * 1024;
    let folder = Folder::new("rotate");
    let path = folder.file("access.log");
    let start = || {
        let rotate = Some(LogRotation { bytes: Bytes(BYTES), keep: 50 });
        let config = AccessLog { to: file(&path), rotate, ..AccessLog::default() };
        LogWriter::start(vec![config.into()], Arc::default(), |text: &str| panic!("{text}"))
            .unwrap()
    };
    for round in 0..2 {
        let writers = [start(), start()];
        thread::scope(|scope| {
            for (place, writer) in (0..).zip(&writers) {
                let mut buffer = writer.buffer();
                let shared = Arc::clone(&writer.shared);
                scope.spawn(move || {
                    let from = (2 * round + place) * LINES;
                    for line in from..from + LINES {
                        write(&mut buffer, [line]);
                        buffer.flush();
                        // The queue is bounded.
                        wait_until("it is written", || shared.stock.tally.waiting() == 0);
                    }
                });
            }
        });
        for writer in writers {
            assert_eq!(writer.shared.stock.tally.dropped(), 0);
            assert_eq!(writer.finish(PATIENCE), 0);
        }
    }
    let mut found = ids(&path);
    let mut files = 1;
    while let Some(moved) =
        Some(folder.file(&format!("access.log.{files}"))).filter(|one| one.exists())
    {
        assert!(
            fs::metadata(&moved).unwrap().len() <= BYTES + 2 * 1024,
            "about as large as it may"
        );
        found.extend(ids(&moved));
        files += 1;
    }
    assert!(files > 5, "{files}");
    found.sort_unstable();
    assert_eq!(found, (0..4 * LINES).collect::<Vec<_>>());
}

#[test]
fn only_so_many_files_are_kept_and_a_removed_one_is_begun_anew() {
    let folder = Folder::new("keep");
    let path = folder.file("access.log");
    let rotate = Some(LogRotation { bytes: Bytes(100), keep: 2 });
    let config = AccessLog { to: file(&path), rotate, ..AccessLog::default() };
    let (tally, writer) = {
        let tally = Arc::new(LogTally::default());
        (
            Arc::clone(&tally),
            LogWriter::start(vec![config.into()], tally, |text: &str| panic!("{text}")).unwrap(),
        )
    };
    let mut buffer = writer.buffer();
    let mut put = |id: u64| {
        let before = tally.written();
        write(&mut buffer, [id]);
        buffer.flush();
        wait_until("it is written", || tally.written() > before);
    };
    (0..5).for_each(&mut put);
    fs::remove_file(&path).unwrap();
    put(5);
    assert_eq!(ids(&path), [5]);
    assert_eq!(ids(&folder.file("access.log.1")), [3]);
    assert_eq!(ids(&folder.file("access.log.2")), [2]);
    assert!(!folder.file("access.log.3").exists());
    assert_eq!(writer.finish(PATIENCE), 0);
}

#[test]
fn sink_and_format_change_without_loss_or_mixture() {
    let folder = Folder::new("configure");
    let paths = ["a", "b", "c"].map(|name| folder.file(name));
    let log = start(file(&paths[0]), LogFormat::Json);
    let mut busy = log.writer.buffer();
    let mut idle = log.writer.buffer();
    let configure = |to: LogSink, format| {
        log.writer.configure(&[AccessLog { to, format, ..AccessLog::default() }.into()]).unwrap();
    };
    write(&mut busy, 0..200);
    write(&mut idle, 200..201);
    configure(file(&paths[1]), LogFormat::Combined);
    write(&mut busy, 0..300);
    configure(LogSink::Off, LogFormat::Json);
    write(&mut busy, 0..400);
    configure(file(&paths[2]), LogFormat::Json);
    write(&mut busy, 500..505);
    // Never written to since the first change: its ticker alone brings its line home.
    idle.flush();
    busy.flush();
    assert_eq!(log.writer.finish(PATIENCE), 0);
    assert_eq!(ids(&paths[0]), (0..201).collect::<Vec<_>>());
    let combined = fs::read_to_string(&paths[1]).unwrap();
    assert_eq!(combined.lines().count(), 300);
    assert!(combined.lines().all(|line| line.starts_with("0.0.0.0 - - [")));
    assert_eq!(ids(&paths[2]), (500..505).collect::<Vec<_>>());
    assert_eq!((log.tally.written(), log.tally.dropped()), (506, 0));
}

/// Each has what it asks for; two that go to one file share its thread, and their lines do not mix.
#[test]
fn several_logs_are_written_at_once() {
    let folder = Folder::new("several");
    let (all, some) = (folder.file("all"), folder.file("some"));
    let when = |when: &str| Some(when.to_owned());
    let logs: Vec<Log> = vec![
        AccessLog { to: file(&all), format: LogFormat::Combined, ..AccessLog::default() }.into(),
        AccessLog { to: file(&some), when: when("revision < 3"), ..AccessLog::default() }.into(),
        AccessLog { to: file(&some), when: when("revision > 7"), ..AccessLog::default() }.into(),
        AccessLog { to: LogSink::Off, ..AccessLog::default() }.into(),
    ];
    let tally = Arc::new(LogTally::default());
    let writer =
        LogWriter::start(logs.clone(), Arc::clone(&tally), |text: &str| panic!("{text}")).unwrap();
    let threads = |writer: &LogWriter| writer.state.lock().unwrap().threads.len();
    assert_eq!(threads(&writer), 2);
    let mut buffer = writer.buffer();
    write(&mut buffer, 0..10);
    buffer.flush();
    wait_until("all lines", || tally.written() == 10 + 3 + 2);
    // One goes, and its thread with it; the others go on.
    writer.configure(&logs[1..]).unwrap();
    write(&mut buffer, 0..10);
    buffer.flush();
    wait_until("its thread has ended", || {
        writer.reopen().unwrap();
        threads(&writer) == 1
    });
    assert_eq!(writer.finish(PATIENCE), 0);
    let lines = fs::read_to_string(&all).unwrap();
    assert_eq!(lines.lines().filter(|line| line.starts_with("0.0.0.0 - - [")).count(), 10);
    let mut found = ids(&some);
    found.sort_unstable();
    assert_eq!(found, [0, 0, 1, 1, 2, 2, 8, 8, 9, 9]);
    assert_eq!((tally.written(), tally.dropped()), (20, 0));
}

#[test]
fn one_log_that_stands_still_does_not_stop_another() {
    let (reader, pipe) = pipe().unwrap();
    let folder = Folder::new("apart");
    let path = folder.file("access.log");
    let stuck = LogSink::File(format!("/proc/self/fd/{}", pipe.as_raw_fd()));
    let logs = [stuck, file(&path)].map(|to| AccessLog { to, ..AccessLog::default() }.into());
    let tally = Arc::new(LogTally::default());
    let writer = LogWriter::start(logs.to_vec(), Arc::clone(&tally), |_: &str| {}).unwrap();
    let mut buffer = writer.buffer();
    // More than a pipe and both queues hold.
    for round in 0..2 * u64::try_from(QUEUE_CHUNKS).unwrap() {
        write(&mut buffer, 10 * round..10 * (round + 1));
        buffer.flush();
        wait_until("the other one writes", || {
            fs::read_to_string(&path).unwrap().lines().count() as u64 == 10 * (round + 1)
        });
    }
    assert!(tally.dropped() > 0);
    drop((reader, pipe));
    assert_eq!(writer.finish(PATIENCE), 0);
}

#[test]
fn a_sink_that_cannot_be_opened_changes_nothing() {
    let folder = Folder::new("refused");
    let path = folder.file("access.log");
    let log = start(file(&path), LogFormat::Json);
    let mut buffer = log.writer.buffer();
    let wrong = AccessLog { to: file(&folder.file("no/such")), ..AccessLog::default() };
    let error = log.writer.configure(&[wrong.clone().into()]).unwrap_err();
    assert!(error.to_string().ends_with("no/such"), "{error}");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("No such file"), "{cause}");
    write(&mut buffer, 0..3);
    buffer.flush();
    log.writer.reopen().unwrap();
    write(&mut buffer, 3..4);
    buffer.flush();
    assert_eq!(log.writer.finish(PATIENCE), 0);
    assert_eq!(ids(&path), [0, 1, 2, 3]);
    let refused = LogWriter::start(vec![wrong.into()], Arc::default(), |_: &str| {});
    assert!(refused.is_err());
}
