// The server with Anthropic's own client: node anthropic.mjs URL PICTURE
import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import Anthropic from '@anthropic-ai/sdk';

const [url, picture] = process.argv.slice(2);
const client = new Anthropic({baseURL: url, apiKey: 'key', maxRetries: 0});
const data = readFileSync(picture).toString('base64');
const model = 'glance';
const messages = [{
  role: 'user',
  content: [{type: 'image', source: {type: 'base64', media_type: 'image/jpeg', data}},
            {type: 'text', text: 'Describe this image in detail.'}],
}];

const counted = await client.messages.countTokens({model, messages});
const whole = await client.messages.create({model, messages, max_tokens: 500});
const answer = whole.content[0].text;
assert.match(answer, /The picture shows/);
assert.equal(whole.stop_reason, 'end_turn');
assert.equal(whole.usage.input_tokens + whole.usage.cache_read_input_tokens, counted.input_tokens);

// A stream, event by event and by the client's helper.
const types = [];
let text = '';
for await (const event of await client.messages.create(
    {model, messages, max_tokens: 500, stream: true})) {
  types.push(event.type);
  if (event.type === 'content_block_delta') text += event.delta.text;
}
assert.equal(text, answer);
assert.deepEqual(types.filter((type) => type !== 'content_block_delta'),
                 ['message_start', 'content_block_start', 'content_block_stop', 'message_delta',
                  'message_stop']);
const helper = client.messages.stream({model, messages, max_tokens: 500});
const final = await helper.finalMessage();
assert.equal(final.content[0].text, answer);
assert.equal(final.usage.output_tokens, whole.usage.output_tokens);

const cut = await client.messages.create({model, messages, max_tokens: 3, system: 'Be brief.'});
assert.equal(cut.stop_reason, 'max_tokens');

// Errors arrive as the client's own classes.
await assert.rejects(client.messages.create({model: 'other', messages, max_tokens: 5}),
                     Anthropic.NotFoundError);
await assert.rejects(client.messages.create({model, messages, max_tokens: 0}),
                     Anthropic.BadRequestError);
console.log('all is well');
