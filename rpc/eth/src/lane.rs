//! Threads for work that takes long, a fixed number of them, with a queue in front.
//!
//! A thread that finds the next piece of work waiting takes it without going to sleep: under load
//! that saves most of the switches between threads that a hand-over through the runtime costs.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use crate::error::Failure;

type Job = Box<dyn FnOnce() + Send>;

/// The threads; they end when it is dropped, after what they are doing.
pub(crate) struct Lane(Arc<Queue>);

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    more: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane").field("waiting", &self.0.waiting.lock().jobs.len()).finish()
    }
}

impl Lane {
    /// Starts some threads, at least one.
    ///
    /// # Errors
    ///
    /// If the system has none to give.
    pub(crate) fn start(name: &str, threads: usize) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::default());
        // Made first: if a thread cannot be started, dropping it ends those that were.
        let lane = Self(Arc::clone(&queue));
        for number in 0..threads.max(1) {
            let queue = Arc::clone(&queue);
            std::thread::Builder::new()
                .name(format!("{name}-{number}"))
                .spawn(move || queue.work())?;
        }
        Ok(lane)
    }

    /// Runs work on one of the threads, after what came before.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let (answer, done) = oneshot::channel();
        let job = move || {
            // Nobody waits for it if the connection is gone.
            if !answer.is_closed() {
                let _gone = answer.send(work());
            }
        };
        self.0.waiting.lock().jobs.push_back(Box::new(job));
        self.0.more.notify_one();
        done.await.map_err(|_| Failure::internal("the work was broken off"))?
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        let mut waiting = self.0.waiting.lock();
        waiting.closed = true;
        waiting.jobs.clear();
        self.0.more.notify_all();
    }
}

impl Queue {
    fn work(&self) {
        loop {
            let job = {
                let mut waiting = self.waiting.lock();
                loop {
                    if waiting.closed {
                        return;
                    }
                    match waiting.jobs.pop_front() {
                        Some(job) => break job,
                        None => self.more.wait(&mut waiting),
                    }
                }
            };
            // A bug in one piece of work must not take the thread from all others; the panic hook
            // reports it, and whoever waits gets an error.
            let _reported = catch_unwind(AssertUnwindSafe(job));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_more_run_at_a_time_than_there_are_threads_and_all_are_answered() {
        let lane = Arc::new(Lane::start("test", 3).unwrap());
        let running = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..200_usize)
            .map(|number| {
                let (lane, running) = (Arc::clone(&lane), Arc::clone(&running));
                tokio::spawn(async move {
                    let work = move || {
                        let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                        assert!(now <= 3, "{now} at a time");
                        std::thread::yield_now();
                        running.fetch_sub(1, Ordering::SeqCst);
                        Ok(number)
                    };
                    lane.run(work).await.unwrap()
                })
            })
            .collect();
        for (number, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.unwrap(), number);
        }
    }

    #[tokio::test]
    async fn a_panic_is_an_error_for_its_caller_and_nobody_else() {
        let lane = Lane::start("test", 1).unwrap();
        assert!(lane.run(|| -> Result<(), Failure> { panic!("on purpose") }).await.is_err());
        assert_eq!(lane.run(|| Ok(7)).await.unwrap(), 7);
    }
}
