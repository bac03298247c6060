// The server with OpenAI's own client: node openai.mjs URL PICTURE
import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import OpenAI from 'openai';

const [url, picture] = process.argv.slice(2);
const client = new OpenAI({baseURL: `${url}/v1`, apiKey: 'key', maxRetries: 0});
const image = `data:image/jpeg;base64,${readFileSync(picture).toString('base64')}`;
const prompt = 'Describe this image in detail.';
const model = 'glance';
const messages = [{
  role: 'user',
  content: [{type: 'image_url', image_url: {url: image}}, {type: 'text', text: prompt}],
}];

const models = await client.models.list();
assert.deepEqual(models.data.map((entry) => entry.id), [model]);
assert.equal((await client.models.retrieve(model)).id, model);

// Chat completions: whole, streamed, streamed by the client's helper.
const whole = await client.chat.completions.create({model, messages});
const answer = whole.choices[0].message.content;
assert.match(answer, /The picture shows/);
assert.equal(whole.choices[0].finish_reason, 'stop');
assert.equal(whole.usage.total_tokens, whole.usage.prompt_tokens + whole.usage.completion_tokens);
const stream = await client.chat.completions.create(
    {model, messages, stream: true, stream_options: {include_usage: true}});
let text = '';
let usage = null;
for await (const chunk of stream) {
  text += chunk.choices[0]?.delta.content ?? '';
  usage = chunk.usage ?? usage;
}
assert.equal(text, answer);
assert.equal(usage.completion_tokens, whole.usage.completion_tokens);
const helper = client.chat.completions.stream({model, messages});
assert.equal(await helper.finalContent(), answer);
const several = await client.chat.completions.create(
    {model, messages, n: 2, seed: 1, temperature: 1, logprobs: true, top_logprobs: 1});
assert.equal(several.choices.length, 2);
assert.equal(several.choices[1].logprobs.content[0].top_logprobs.length, 1);

// A stream that is left ends the request; the client goes on.
const left = await client.chat.completions.create({model, messages, stream: true});
for await (const chunk of left) {
  if (chunk.choices[0].delta.content) break;
}

// Completions.
const plain = {model, prompt: 'The picture shows', max_tokens: 5};
const completion = await client.completions.create(plain);
let completed = '';
for await (const chunk of await client.completions.create({...plain, stream: true})) {
  completed += chunk.choices[0].text;
}
assert.equal(completed, completion.choices[0].text);

// Embeddings: the client asks for base64 unless it is told otherwise.
const inputs = {model, input: ['a red circle', 'a red circle', 'beach']};
const vectors = await client.embeddings.create(inputs);
assert.deepEqual(vectors.data.map((entry) => entry.index), [0, 1, 2]);
assert.deepEqual(vectors.data[0].embedding, vectors.data[1].embedding);
assert.notDeepEqual(vectors.data[0].embedding, vectors.data[2].embedding);
const length = Math.hypot(...vectors.data[2].embedding);
assert.ok(Math.abs(length - 1) < 1e-5, `${length}`);
const floats = await client.embeddings.create(
    {model, input: 'a red circle', encoding_format: 'float',
     dimensions: vectors.data[0].embedding.length});
assert.deepEqual(floats.data[0].embedding, vectors.data[0].embedding);
assert.equal(vectors.usage.total_tokens > 2 * floats.usage.total_tokens, true);
const seen = await client.embeddings.create(
    {model, input: [{type: 'image_url', image_url: {url: image}}, 'a red circle']});
assert.deepEqual(seen.data[1].embedding, floats.data[0].embedding);
assert.equal(seen.data[0].embedding.length, seen.data[1].embedding.length);
await assert.rejects(client.embeddings.create({...inputs, dimensions: 7}), OpenAI.BadRequestError);

// Responses.
const input = [{
  role: 'user',
  content: [{type: 'input_image', image_url: image, detail: 'auto'},
            {type: 'input_text', text: prompt}],
}];
const response = await client.responses.create({model, input});
assert.equal(response.output_text, answer);
assert.equal(response.status, 'completed');
const types = [];
let deltas = '';
for await (const event of await client.responses.create({model, input, stream: true})) {
  types.push(event.type);
  if (event.type === 'response.output_text.delta') deltas += event.delta;
}
assert.equal(deltas, answer);
assert.equal(types[0], 'response.created');
assert.equal(types.at(-1), 'response.completed');
const cut = await client.responses.create({model, input, max_output_tokens: 3});
assert.equal(cut.status, 'incomplete');
assert.equal(cut.incomplete_details.reason, 'max_output_tokens');

// Errors arrive as the client's own classes.
await assert.rejects(client.chat.completions.create({model: 'other', messages}),
                     (error) => error instanceof OpenAI.NotFoundError &&
                         error.code === 'model_not_found');
await assert.rejects(client.chat.completions.create({model, messages, hot: 1}),
                     (error) => error instanceof OpenAI.BadRequestError && error.param === 'hot');
const broken = [{role: 'user', content: [{type: 'image_url',
                                          image_url: {url: 'data:image/png;base64,Zm9v'}}]}];
await assert.rejects(client.chat.completions.create({model, messages: broken, stream: true}),
                     OpenAI.UnprocessableEntityError);
console.log('all is well');
