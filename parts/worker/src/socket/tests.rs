use std::future::poll_fn;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream as Peer};
use std::time::Duration;

use super::*;
use crate::Worker;

/// Runs `work` on a worker with one end of a connection, and `peer` here with the other.
fn run<F: Future<Output = ()> + 'static>(
    work: impl FnOnce(Socket) -> F + Send + 'static,
    peer: impl FnOnce(Peer),
) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = Peer::connect(listener.local_addr().unwrap()).unwrap();
    let (far, _) = listener.accept().unwrap();
    near.set_nonblocking(true).unwrap();
    far.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let thread = Worker::start("test", 0, move |_worker| async move {
        work(Socket::new(TcpStream::from_std(near).unwrap())).await;
    })
    .unwrap();
    peer(far);
    thread.join().unwrap();
}

async fn write_all(stream: &Socket, bytes: &[u8]) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let sent = poll_fn(|context| stream.poll_write(context, rest)).await?;
        rest = rest.get(sent..).unwrap_or_default();
    }
    Ok(())
}

async fn read_some(stream: &Socket, room: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(64);
    poll_fn(|context| stream.poll_read(context, &mut bytes, room)).await?;
    Ok(bytes)
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

#[test]
fn small_and_large_writes_arrive_in_order_even_if_nobody_reads_for_a_while() {
    let sizes = [1, 100, 9_000, 5, 300_000, 7, 8_000, 64, 2_000_000, 3];
    run(
        move |stream| async move {
            let all = pattern(sizes.iter().sum());
            let mut at = 0;
            for size in sizes {
                write_all(&stream, &all[at..at + size]).await.unwrap();
                at += size;
            }
            poll_fn(|context| stream.poll_close(context)).await;
            assert_eq!(read_some(&stream, 8).await.unwrap(), b"end");
        },
        |mut peer| {
            std::thread::sleep(Duration::from_millis(50));
            let mut seen = Vec::new();
            peer.read_to_end(&mut seen).unwrap();
            assert!(seen == pattern(sizes.iter().sum()));
            peer.write_all(b"end").unwrap();
        },
    );
}

#[test]
fn what_the_system_does_not_take_is_kept_and_then_the_writer_waits() {
    run(
        |stream| async move {
            let line = pattern(4096);
            let mut written = 0_usize;
            loop {
                let wrote = poll_fn(|context| {
                    Poll::Ready(match stream.poll_write(context, &line) {
                        Poll::Ready(wrote) => Some(wrote.unwrap()),
                        Poll::Pending => None,
                    })
                })
                .await;
                match wrote {
                    Some(wrote) => written += wrote,
                    None => break,
                }
                tokio::task::yield_now().await;
            }
            assert_eq!(read_some(&stream, 8).await.unwrap(), b"go");
            write_all(&stream, format!("total {written}").as_bytes()).await.unwrap();
        },
        |mut peer| {
            std::thread::sleep(Duration::from_millis(50));
            peer.write_all(b"go").unwrap();
            let mut seen = Vec::new();
            peer.read_to_end(&mut seen).unwrap();
            let lines = seen.len() / 4096 * 4096;
            assert_eq!(String::from_utf8_lossy(&seen[lines..]), format!("total {lines}"));
        },
    );
}

#[test]
fn a_write_that_failed_ends_the_connection() {
    run(
        |stream| async move {
            assert_eq!(read_some(&stream, 8).await.unwrap(), b"x");
            let mut failed = false;
            for _ in 0..1000 {
                failed |= write_all(&stream, b"lost").await.is_err();
                if failed {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            assert!(failed, "the peer is gone");
            assert!(!stream.is_quiet());
        },
        |mut peer| peer.write_all(b"x").unwrap(),
    );
}

#[test]
fn reads_keep_to_their_room() {
    run(
        |stream| async move {
            let mut seen = Vec::new();
            while seen.len() < 1000 {
                let some = read_some(&stream, 7).await.unwrap();
                assert!((1..=7).contains(&some.len()));
                seen.extend(some);
            }
            assert!(seen == pattern(1000));
            assert!(read_some(&stream, 7).await.unwrap().is_empty(), "the end");
            assert!(read_some(&stream, 0).await.is_err(), "no room is not the end");
        },
        |mut peer| peer.write_all(&pattern(1000)).unwrap(),
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_pipe_carries_bytes_behind_those_that_were_written() {
    const LENGTH: usize = 600_000;
    run(
        |stream| async move {
            write_all(&stream, b"small first ").await.unwrap();
            let mut pipe = Pipe::take().unwrap();
            let mut moved = 0;
            while moved < LENGTH {
                let entry = pipe.entry().unwrap();
                let filled = poll_fn(|context| stream.poll_fill(context, entry, LENGTH - moved));
                let filled = filled.await.unwrap();
                pipe.filled(filled);
                moved += filled;
                while pipe.held() > 0 {
                    poll_fn(|context| stream.poll_drain(context, &mut pipe)).await.unwrap();
                }
            }
            pipe.put_back();
        },
        |peer| {
            let mut sender = peer.try_clone().unwrap();
            let sending = std::thread::spawn(move || sender.write_all(&pattern(LENGTH)).unwrap());
            let mut seen = Vec::new();
            (&peer).read_to_end(&mut seen).unwrap();
            sending.join().unwrap();
            assert!(seen.strip_prefix(b"small first ") == Some(&pattern(LENGTH)));
        },
    );
}

/// What was sent before the connection was looked at is read: on one that was made, whose event may
/// have come already, and on one that was accepted.
#[test]
fn what_came_early_is_read() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let peer = std::thread::spawn(move || {
        let (mut first, _) = listener.accept().unwrap();
        first.write_all(b"early").unwrap();
        let home: std::net::SocketAddr = {
            let mut text = String::new();
            first.read_to_string(&mut text).unwrap();
            text.parse().unwrap()
        };
        let mut second = Peer::connect(home).unwrap();
        second.write_all(b"too").unwrap();
        second.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut end = Vec::new();
        second.read_to_end(&mut end).unwrap();
    });
    let work = move |_worker| async move {
        let made = TcpStream::connect(address).await.unwrap();
        // Now its event is here.
        made.readable().await.unwrap();
        let made = Socket::new(made);
        assert_eq!(read_some(&made, 8).await.unwrap(), b"early");
        let home = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        write_all(&made, home.local_addr().unwrap().to_string().as_bytes()).await.unwrap();
        poll_fn(|context| made.poll_close(context)).await;
        let (accepted, _) = home.accept().await.unwrap();
        let accepted = Socket::accepted(accepted);
        assert_eq!(read_some(&accepted, 8).await.unwrap(), b"too");
    };
    let thread = Worker::start("test", 0, move |worker| async move {
        tokio::time::timeout(Duration::from_secs(10), work(worker)).await.expect("in time");
    });
    thread.unwrap().join().unwrap();
    peer.join().unwrap();
}

#[test]
fn who_waits_for_something_to_read_is_woken_by_bytes_and_by_the_end() {
    run(
        |stream| async move {
            let is_readable =
                |context: &mut Context<'_>| Poll::Ready(stream.poll_readable(context));
            // What was there when the connection was made is asked for first.
            let mut nothing = Vec::with_capacity(8);
            poll_fn(|context| Poll::Ready(stream.poll_read(context, &mut nothing, 8).is_pending()))
                .await;
            assert!(poll_fn(is_readable).await.is_pending(), "nothing has come");
            write_all(&stream, b"go").await.unwrap();
            poll_fn(|context| stream.poll_readable(context)).await;
            assert_eq!(read_some(&stream, 8).await.unwrap(), b"bytes");
            poll_fn(|context| stream.poll_readable(context)).await;
            assert_eq!(read_some(&stream, 8).await.unwrap(), b"");
        },
        |mut peer| {
            let mut go = [0; 2];
            peer.read_exact(&mut go).unwrap();
            peer.write_all(b"bytes").unwrap();
            // The end comes by itself, whenever it does.
            peer.shutdown(std::net::Shutdown::Write).unwrap();
            assert_eq!(peer.read(&mut go).unwrap(), 0);
        },
    );
}
