package weft.conformance.scenarios;

import static weft.conformance.harness.Scenario.equal;
import static weft.conformance.scenarios.Sequences.COMPLETED;
import static weft.conformance.scenarios.Sequences.PATCHED;
import static weft.conformance.scenarios.Sequences.READY;
import static weft.conformance.scenarios.Sequences.WAITING;

import com.google.protobuf.util.Durations;
import io.grpc.Status.Code;
import io.temporal.api.common.v1.Payload;
import io.temporal.client.WorkflowOptions;
import io.temporal.common.SearchAttributeKey;
import io.temporal.common.SearchAttributes;
import io.temporal.common.converter.DefaultDataConverter;
import java.util.Map;
import weft.conformance.harness.Plays;
import weft.conformance.harness.Run;
import weft.conformance.harness.Scenario;
import weft.conformance.work.Plain;

/** What a workflow carries with it: memo, search attributes, summaries, versions of its code. */
final class Data {
  private Data() {}

  private static String text(Payload payload) {
    return DefaultDataConverter.STANDARD_INSTANCE.fromPayload(payload, String.class, String.class);
  }

  @Plays
  static void aMemoAndSearchAttributesAreKeptAndChanged(Scenario s) throws Exception {
    s.worker();
    WorkflowOptions.Builder options =
        s.options("")
            .setMemo(Map.of("colour", "blue", "size", 5))
            .setTypedSearchAttributes(attribute(Plain.BATCHER_USER, "somebody"));
    Run run = s.start(options, Plain.Labeller.class);
    equal(s.result(run, Plain.Labels.class), new Plain.Labels("somebody", "blue"));
    var info = s.describe(s.id()).getWorkflowExecutionInfo();
    Map<String, Payload> memo = info.getMemo().getFieldsMap();
    equal(text(memo.get("colour")), "red");
    equal(memo.containsKey("size"), false);
    equal(text(info.getSearchAttributes().getIndexedFieldsOrThrow("BatcherUser")), "somebody else");
    s.assertHistory(run, READY + ", WorkflowPropertiesModified, UpsertWorkflowSearchAttributes" + COMPLETED);
    SearchAttributeKey<String> unknown = SearchAttributeKey.forKeyword("NoSuchAttribute");
    s.refused(
        Code.INVALID_ARGUMENT,
        () -> s.start(s.options("other").setTypedSearchAttributes(attribute(unknown, "x")), Plain.Labeller.class));
  }

  private static SearchAttributes attribute(SearchAttributeKey<String> key, String value) {
    return SearchAttributes.newBuilder().set(key, value).build();
  }

  @Plays
  static void aWorkflowSaysWhatItIsAbout(Scenario s) throws Exception {
    WorkflowOptions.Builder options =
        s.options("").setStaticSummary("collects words").setStaticDetails("until one of them is `end`");
    Run run = s.start(options, Plain.Collector.class);
    var described = s.describe(s.id());
    var about = described.getExecutionConfig().getUserMetadata();
    equal(text(about.getSummary()), "collects words");
    equal(text(about.getDetails()), "until one of them is `end`");
    var info = described.getWorkflowExecutionInfo();
    equal(info.getType().getName(), "Collector");
    equal(info.getHistoryLength(), 2L);
    s.same("status", info.getStatus().name());
    s.same("task timeout", Durations.toString(described.getExecutionConfig().getDefaultWorkflowTaskTimeout()));
    s.same("pending task", described.hasPendingWorkflowTask());
    s.assertHistory(run, WAITING);
    s.refused(Code.NOT_FOUND, () -> s.describe(s.id("absent")));
  }

  @Plays
  static void aPatchLeavesItsMarker(Scenario s) throws Exception {
    s.worker();
    Run run = s.start(Plain.Patched.class);
    equal(s.result(run, String.class), "the better way");
    s.assertHistory(run, PATCHED);
    s.refusesLateSignal(s.id());
  }
}
