//! A message of another workflow id is done once, however many copies of it come, and however late.

use weft_engine::{EventId, Message, MessageBody, MessageId, Origin, Step};
use weft_protocol::api::history::SignalExternalWorkflowExecutionInitiatedEventAttributes as Signal;
use weft_rows::outbox;

use super::*;

/// What the leader of another shard sends.
fn postmark(epoch: u64, target: u64) -> Postmark {
    Postmark { shard: ShardId(5), epoch, round: 0, target }
}

impl World {
    async fn bring(&self, body: MessageBody, postmark: Postmark) -> Result<Reply, Failure> {
        let sender = WorkflowKey { namespace: self.namespace.id.clone(), workflow: "sender".into() };
        let origin = Origin { sender, run: "run".into(), event_id: EventId(11) };
        let delivery = Delivery { origin, message: Arc::new(Message::new(self.key(), body)) };
        self.shard.deliver(Arc::clone(&self.namespace), delivery, Some(postmark)).await
    }

    async fn signal(&self, postmark: Postmark) -> Result<Reply, Failure> {
        let signal = Signal { signal_name: "pay".to_owned(), ..Signal::default() };
        self.bring(MessageBody::Signal(Box::new(signal)), postmark).await
    }

    async fn signals(&self) -> u32 {
        let view = self.shard.look(self.key(), Target::default()).await.expect("it is there");
        view.execution.core.signals
    }
}

#[tokio::test]
async fn a_message_whose_answer_comes_to_nothing_is_sent_again() {
    let sender = WorkflowKey { namespace: "ns".into(), workflow: "sender".into() };
    let target = WorkflowKey { workflow: "target".into(), ..sender.clone() };
    // Its sender has no such run, so there is nothing to record.
    let id = MessageId { run: "gone".into(), event_id: EventId(5), step: Step::Ask };
    let message = Message::new(target, MessageBody::Signal(Box::default()));
    let mut rows = WriteBatch::default();
    rows.put(table::OUTBOX, outbox::key(&sender, &id), outbox::encode(&message));
    let world = World::with(Limits::default(), rows).await;
    world.until(|| world.outside.sent.load(Ordering::Relaxed) > 1, "it is sent again").await;
}

#[tokio::test]
async fn a_copy_that_comes_after_its_receipt_is_gone_is_refused() {
    let world = World::new(Limits::default()).await;
    world.ask(Request::Start(Box::new(start(0)))).await;
    let Err(Failure::Postmark(here)) = world.signal(postmark(1, 0)).await else {
        panic!("whoever does not know the leader is told");
    };
    assert_eq!((here.slots, world.signals().await), (SLOTS, 0));

    // The first leader of the sender's shard is cut off, and another one follows it.
    assert!(matches!(world.signal(postmark(1, here.epoch)).await, Ok(Reply::Done)));
    assert!(matches!(world.signal(postmark(2, here.epoch)).await, Ok(Reply::Done)), "the receipt answers");
    assert!(matches!(world.bring(MessageBody::Acknowledge, postmark(2, here.epoch)).await, Ok(Reply::Done)));
    let late = world.signal(postmark(1, here.epoch)).await;
    assert!(matches!(late, Err(Failure::Postmark(_))), "{late:?}");
    assert_eq!(world.signals().await, 1);
}
