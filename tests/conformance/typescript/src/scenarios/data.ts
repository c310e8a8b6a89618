// What a workflow carries with it: memo, search attributes, summaries, versions of its code.

import assert from 'node:assert/strict';
import { defaultPayloadConverter, defineSearchAttributeKey, SearchAttributeType, TypedSearchAttributes } from '@temporalio/common';
import { TASK } from '../harness/history';
import { resultOf, type Scenario } from '../harness/scenario';
import { batcherUser, Collector, Labeller, Patched } from '../workflows';
import { MARKED } from './local';
import { WAITING } from './start';

export const scenarios = {
  async a_memo_and_search_attributes_are_kept_and_changed(s: Scenario) {
    await s.worker();
    const handle = await s.start(Labeller, [], {
      memo: { colour: 'blue', size: 5 },
      typedSearchAttributes: new TypedSearchAttributes([{ key: batcherUser, value: 'somebody' }]),
    });
    assert.deepEqual(await resultOf(handle), ['somebody', 'blue']);
    const described = await handle.describe();
    assert.deepEqual(described.memo, { colour: 'red' }, 'the size was taken away');
    assert.equal(described.typedSearchAttributes.get(batcherUser), 'somebody else');
    await s.assertHistory(
      handle,
      `WorkflowExecutionStarted, ${TASK}, WorkflowPropertiesModified, UpsertWorkflowSearchAttributes,
       WorkflowExecutionCompleted`,
    );
    const unknown = defineSearchAttributeKey('NoSuchAttribute', SearchAttributeType.KEYWORD);
    const typedSearchAttributes = new TypedSearchAttributes([{ key: unknown, value: 'x' }]);
    await s.refused(() => s.start(Labeller, [], { suffix: 'other', typedSearchAttributes }), 'InvalidArgument');
  },

  async a_workflow_says_what_it_is_about(s: Scenario) {
    const handle = await s.start(Collector, [], {
      staticSummary: 'collects words',
      staticDetails: 'until one of them is `end`',
    });
    const { executionConfig, workflowExecutionInfo: info, pendingWorkflowTask } = await s.describe();
    const { summary, details } = executionConfig?.userMetadata ?? {};
    assert.ok(summary && details);
    assert.equal(defaultPayloadConverter.fromPayload(summary), 'collects words');
    assert.equal(defaultPayloadConverter.fromPayload(details), 'until one of them is `end`');
    assert.deepEqual([info?.type?.name, Number(info?.historyLength)], ['Collector', 2]);
    const described = await handle.describe();
    s.same('status', described.status.name);
    s.same('task timeout', Number(executionConfig?.defaultWorkflowTaskTimeout?.seconds));
    s.same('pending task', Boolean(pendingWorkflowTask));
    await s.assertHistory(handle, WAITING);
    await s.refused(() => s.client.workflow.getHandle(s.id('absent')).describe(), 'NotFound');
  },

  async a_patch_leaves_its_marker(s: Scenario) {
    await s.worker();
    const handle = await s.start(Patched, []);
    assert.equal(await resultOf(handle), 'the better way');
    await s.assertHistory(handle, `${MARKED}, UpsertWorkflowSearchAttributes, WorkflowExecutionCompleted`);
    await s.refusesLateSignal();
  },
};
