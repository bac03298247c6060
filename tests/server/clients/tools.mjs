// Calls of tools with both official clients: node tools.mjs URL
import assert from 'node:assert/strict';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';

const [url] = process.argv.slice(2);
const schema = {
  type: 'object',
  properties: {days: {type: 'integer', minimum: 1, maximum: 9}, unit: {enum: ['C', 'F']}},
  required: ['days', 'unit'],
  additionalProperties: false,
};
const check = ({days, unit}) => {
  assert.ok(days >= 1 && days <= 9);
  assert.ok(unit === 'C' || unit === 'F');
};

// OpenAI's: a stream that its helper puts together, and the conversation that goes on from there.
const openai = new OpenAI({baseURL: `${url}/v1`, apiKey: 'key', maxRetries: 0});
const tools = [{type: 'function', function: {name: 'forecast', parameters: schema}}];
const messages = [{role: 'user', content: 'Weather?'}];
const settings = {model: 'small', seed: 1, max_tokens: 200};
const helper = openai.chat.completions.stream({...settings, messages, tools,
                                               tool_choice: 'required'});
const {choices: [{message, finish_reason: reason}]} = await helper.finalChatCompletion();
assert.equal(reason, 'tool_calls');
const [call] = message.tool_calls;
assert.equal(call.function.name, 'forecast');
check(JSON.parse(call.function.arguments));
const next = await openai.chat.completions.create({
  ...settings, tools, max_tokens: 5,
  messages: [...messages, {role: 'assistant', content: message.content, tool_calls: [call]},
             {role: 'tool', tool_call_id: call.id, content: 'Sunny.'}],
});
assert.equal(next.choices.length, 1);

// OpenAI's responses: a stream that its helper puts together, and the same conversation.
const input = [{role: 'user', content: 'Weather?'}];
const asked = {
  model: 'small', max_output_tokens: 200,
  tools: [{type: 'function', name: 'forecast', parameters: schema, strict: true}],
};
const stream = openai.responses.stream({...asked, input, tool_choice: 'required'});
const types = new Set();
let argumentsText = '';
for await (const event of stream) {
  types.add(event.type);
  if (event.type === 'response.function_call_arguments.delta') argumentsText += event.delta;
}
const {output} = await stream.finalResponse();
assert.equal(output.length, 1);
assert.equal(output[0].type, 'function_call');
assert.equal(output[0].arguments, argumentsText);
check(JSON.parse(argumentsText));
for (const type of ['response.output_item.added', 'response.function_call_arguments.done',
                    'response.output_item.done', 'response.completed']) {
  assert.ok(types.has(type), type);
}
const later = await openai.responses.create({
  ...asked, max_output_tokens: 5,
  input: [...input, ...output,
          {type: 'function_call_output', call_id: output[0].call_id, output: 'Sunny.'}],
});
assert.ok(later.output.length > 0);
const thought = await openai.responses.create({
  model: 'small', input, reasoning: {effort: 'low'}, max_output_tokens: 6,
});
assert.equal(thought.output[0].type, 'reasoning');
assert.equal(thought.usage.output_tokens_details.reasoning_tokens, 6);
const followed = await openai.responses.create({
  model: 'small', input: [...input, ...thought.output, ...input], max_output_tokens: 5,
});
assert.ok(followed.output.length > 0);

// Anthropic's.
const anthropic = new Anthropic({baseURL: url, apiKey: 'key', maxRetries: 0});
const request = {
  model: 'small', max_tokens: 200, messages,
  tools: [{name: 'forecast', input_schema: schema}],
};
const streamed = await anthropic.messages.stream(
    {...request, tool_choice: {type: 'tool', name: 'forecast'}}).finalMessage();
assert.equal(streamed.stop_reason, 'tool_use');
const [block] = streamed.content;
assert.equal(block.type, 'tool_use');
check(block.input);
const answer = await anthropic.messages.create({
  ...request, max_tokens: 5,
  messages: [...messages, {role: 'assistant', content: streamed.content},
             {role: 'user', content: [{type: 'tool_result', tool_use_id: block.id,
                                       content: 'Sunny.'}]}],
});
assert.ok(answer.content.length > 0);
console.log('all is well');
