// Runs the main calls, health and reflection with grpc-js, an implementation of gRPC that shares no code with the C core.
// Usage: node client.js PROTO_DIR SERVER_ADDRESS ADMIN_ADDRESS OPERATOR_KEY_FILE SERVICE_CONFIG
'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const grpc = require('@grpc/grpc-js');
const protoLoader = require('@grpc/proto-loader');

const [protoDir, serverAddress, adminAddress, operatorKeyFile, serviceConfig] = process.argv.slice(2);
const operatorKey = fs.readFileSync(operatorKeyFile, 'utf8').trim();
const definition = protoLoader.loadSync(
  ['sallyport/v1/admin.proto', 'sallyport/v1/authorization.proto', 'grpc/health/v1/health.proto',
    'grpc/reflection/v1/reflection.proto', 'grpc/reflection/v1alpha/reflection.proto'],
  {includeDirs: [protoDir], longs: Number, enums: String, defaults: true, oneofs: true, keepCase: true});
const root = grpc.loadPackageDefinition(definition);
const plaintext = grpc.credentials.createInsecure();
const settings = {'grpc.service_config': serviceConfig, 'grpc.keepalive_time_ms': 10000};

const authorization = new root.sallyport.v1.Authorization(serverAddress, plaintext, settings);
const admin = new root.sallyport.v1.Admin(adminAddress, plaintext, settings);

function metadata(key, header = 'authorization') {
  const result = new grpc.Metadata();
  if (key) result.set(header, header === 'authorization' ? `Bearer ${key}` : key);
  return result;
}

function call(client, method, request, key, header) {
  return new Promise((resolve, reject) => client[method](request, metadata(key, header),
    {deadline: Date.now() + 10000}, (error, reply) => (error ? reject(error) : resolve(reply))));
}

async function fails(promise, code, pattern) {
  await assert.rejects(promise, (error) => {
    assert.strictEqual(grpc.status[error.code], code, `${error.code} ${error.details}`);
    if (pattern) assert.match(error.details, pattern);
    return true;
  });
}

function collect(stream, enough = () => false) {
  return new Promise((resolve, reject) => {
    const messages = [];
    stream.on('data', (message) => {
      messages.push(message);
      if (enough(messages)) {
        stream.cancel();
        resolve(messages);
      }
    });
    stream.on('error', (error) => (error.code === grpc.status.CANCELLED ? resolve(messages) : reject(error)));
    stream.on('end', () => resolve(messages));
  });
}

const steps = {
  async 'health is SERVING on both programs, by service and as a whole'() {
    for (const [address, service] of [[serverAddress, 'sallyport.v1.Authorization'], [adminAddress, 'sallyport.v1.Admin']]) {
      const health = new root.grpc.health.v1.Health(address, plaintext);
      assert.strictEqual((await call(health, 'Check', {service: ''})).status, 'SERVING');
      assert.strictEqual((await call(health, 'Check', {service})).status, 'SERVING');
      await fails(call(health, 'Check', {service: 'no.such.Service'}), 'NOT_FOUND');
      const {statuses} = await call(health, 'List', {});
      for (const name of ['', service, 'liveness']) assert.strictEqual(statuses[name].status, 'SERVING', name);
      const watched = await collect(health.Watch({service}), (messages) => messages.length === 1);
      assert.strictEqual(watched[0].status, 'SERVING');
      const unknown = await collect(health.Watch({service: 'no.such.Service'}), (messages) => messages.length === 1);
      assert.strictEqual(unknown[0].status, 'SERVICE_UNKNOWN');
      health.close();
    }
  },

  async 'reflection lists the services and gives their files, in both versions'() {
    for (const version of ['v1', 'v1alpha']) {
      for (const [address, service] of [[serverAddress, 'sallyport.v1.Authorization'], [adminAddress, 'sallyport.v1.Admin']]) {
        const client = new root.grpc.reflection[version].ServerReflection(address, plaintext);
        const stream = client.ServerReflectionInfo();
        const answers = collect(stream);
        stream.write({list_services: ''});
        stream.write({file_containing_symbol: service});
        stream.write({file_by_filename: 'sallyport/v1/entities.proto'});
        stream.write({file_containing_symbol: 'no.such.Symbol'});
        stream.end();
        const [services, file, entities, none] = await answers;
        const names = services.list_services_response.service.map((each) => each.name);
        for (const name of [service, 'grpc.health.v1.Health', 'grpc.reflection.v1.ServerReflection',
          'grpc.reflection.v1alpha.ServerReflection']) assert.ok(names.includes(name), name);
        assert.ok(file.file_descriptor_response.file_descriptor_proto.length >= 1);
        // The answer is a descriptor that another implementation can load.
        const loaded = protoLoader.loadFileDescriptorSetFromBuffer(Buffer.concat(
          file.file_descriptor_response.file_descriptor_proto.map(asSetMember)));
        assert.ok(service in loaded);
        assert.ok(entities.file_descriptor_response.file_descriptor_proto.length >= 1);
        assert.strictEqual(none.error_response.error_code, grpc.status.NOT_FOUND);
        client.close();
      }
    }
  },

  async 'a workspace, an account, a share and a key give the answers that they should'() {
    const made = await call(admin, 'CreateWorkspace',
      {id: 'acme', name: 'Acme', plan: 'PLAN_ENTERPRISE', seats: 5, features: ['FEATURE_IP_ALLOWLIST']}, operatorKey);
    const adminKey = made.secret;
    assert.match(adminKey, /^sp_[0-9A-Za-z]{49}$/);
    await call(admin, 'CreateServiceAccount', {id: 'bot', name: 'Bot'}, adminKey);
    await call(admin, 'CreateGroup', {id: 'studio', name: 'Studio'}, adminKey, 'x-api-key');
    await call(admin, 'AddGroupMembers', {group: 'studio', principals: ['bot']}, adminKey);
    await call(admin, 'RegisterResource', {workspace: 'acme', resource: {type: 'voice', id: 'v1'}}, operatorKey);
    await call(admin, 'ShareResource',
      {resource: {type: 'voice', id: 'v1'}, subject: {group: 'studio'}, role: 'ROLE_VIEWER'}, adminKey);
    const key = await call(admin, 'CreateApiKey', {principal: 'bot', name: 'Production', id: 'k1',
      permissions: {names: ['text_to_speech']}, allowed_ips: {entries: ['203.0.113.0/24', '2001:db8::/32']}}, adminKey);
    assert.deepStrictEqual(key.api_key.allowed_ips, ['203.0.113.0/24', '2001:db8::/32']);
    const question = {api_key: key.secret, ip: '203.0.113.7', resource: {type: 'voice', id: 'v1'}, action: 'use',
      min_revision: key.revision};
    const allowed = await call(authorization, 'Check', question);
    assert.strictEqual(allowed.decision, 'ALLOW');
    assert.strictEqual(allowed.reason, 'ALLOWED');
    assert.strictEqual(allowed.http_status, 200);
    assert.strictEqual(allowed.principal, 'bot');
    assert.strictEqual(allowed.principal_kind, 'SERVICE_ACCOUNT');
    assert.strictEqual(allowed.role, 'ROLE_VIEWER');
    const elsewhere = await call(authorization, 'Check', {...question, ip: '198.51.100.1'});
    assert.deepStrictEqual([elsewhere.decision, elsewhere.reason, elsewhere.http_status], ['DENY', 'IP_NOT_ALLOWED', 403]);
    const batch = await call(authorization, 'CheckBatch', {api_key: key.secret, ip: '2001:db8::7', items: [
      {resource: {type: 'voice', id: 'v1'}, action: 'use'}, {resource: {type: 'voice', id: 'v1'}, action: 'edit'},
      {resource: {type: 'voice', id: 'other'}, action: 'use'}]});
    assert.deepStrictEqual(batch.results.map((each) => each.reason), ['ALLOWED', 'PERMISSION_MISSING', 'RESOURCE_UNKNOWN']);
    const explained = await call(authorization, 'Explain', {check: {...question, ip: '10.0.0.1'}});
    assert.strictEqual(explained.answer.reason, 'IP_NOT_ALLOWED');
    assert.strictEqual(explained.steps.length, 11);
    assert.ok(explained.changes_needed.length >= 1);
    const rotated = await call(admin, 'RotateApiKey', {id: 'k1', new_id: 'k2', request_id: 'rotate-1'}, adminKey);
    const again = await call(admin, 'RotateApiKey', {id: 'k1', new_id: 'k2', request_id: 'rotate-1'}, adminKey);
    assert.strictEqual(again.secret, '');
    assert.strictEqual(again.secret_already_issued, true);
    assert.strictEqual(again.api_key.id, 'k2');
    for (const text of [key.secret, rotated.secret]) {
      assert.strictEqual((await call(authorization, 'Check', {...question, api_key: text})).reason, 'ALLOWED');
    }
    await call(admin, 'DeleteApiKey', {id: 'k1'}, adminKey);
    assert.strictEqual((await call(authorization, 'Check', question)).reason, 'KEY_UNKNOWN');
    assert.strictEqual((await call(authorization, 'Check', {...question, api_key: 'nonsense'})).reason, 'KEY_MALFORMED');
    const keys = await call(admin, 'ListApiKeys', {principal: 'bot'}, adminKey);
    assert.deepStrictEqual(keys.api_keys.map((each) => each.id), ['k2']);
    const me = await call(admin, 'WhoAmI', {}, adminKey);
    assert.strictEqual(me.workspace.id, 'acme');
    const changes = await call(admin, 'ListChanges', {}, adminKey);
    assert.ok(changes.changes.some((each) => each.method === 'RotateApiKey' && each.address === '127.0.0.1'));
  },

  async 'changes stream, backups and imports work as streams'() {
    const watched = collect(admin.WatchChanges({from_number: 1}, metadata(operatorKey)), (messages) => messages.length >= 3);
    assert.ok((await watched).length >= 3);
    const backup = await collect(admin.Backup({}, metadata(operatorKey)));
    const size = backup.reduce((sum, each) => sum + each.data.length, 0);
    assert.strictEqual(size, backup[0].total_bytes);
    const stream = admin.Import(metadata(operatorKey));
    const answers = collect(stream);
    stream.write({records: [
      {line: 1, workspace: {id: 'imported', name: 'Imported', plan: 'PLAN_FREE', seats: 3}},
      {line: 2, principal: {workspace: 'imported', id: 'u1', name: 'One', kind: 'USER', role: 'WORKSPACE_ROLE_ADMIN'}},
      {line: 3, api_key: {key: {workspace: 'imported', id: 'k', principal: 'u1', name: 'K', permissions: {all: true}}}}]});
    stream.end();
    const [answer] = await answers;
    assert.deepStrictEqual(answer.refusals, []);
    assert.strictEqual(answer.applied, 3);
    const check = await call(authorization, 'Check',
      {api_key: answer.secrets[0].secret, resource: {type: 'voice', id: 'v1'}, action: 'use', min_revision: answer.revision});
    assert.strictEqual(check.reason, 'RESOURCE_UNKNOWN');
  },

  async 'mistakes get the right status'() {
    await fails(call(authorization, 'Check', {api_key: 'sp_x', ip: '1.2.3', action: 'use', resource: {type: 'voice'}}),
      'INVALID_ARGUMENT', /^ip/);
    await fails(call(authorization, 'Check', {ip: '203.0.113.1', action: 'use', resource: {type: 'voice'}}),
      'INVALID_ARGUMENT', /api_key/);
    await fails(call(admin, 'CreateGroup', {id: 'x', name: 'X'}), 'UNAUTHENTICATED');
    await fails(call(admin, 'CreateGroup', {id: 'x', name: 'X', workspace: 'acme'}, operatorKey), 'PERMISSION_DENIED');
    const other = grpc.makeGenericClientConstructor({Nope: {path: '/sallyport.v1.Authorization/Nope', requestStream: false,
      responseStream: false, requestSerialize: (x) => x, responseSerialize: (x) => x, requestDeserialize: (x) => x,
      responseDeserialize: (x) => x}});
    const client = new other(serverAddress, plaintext);
    await fails(call(client, 'Nope', Buffer.from([1, 2, 3])), 'UNIMPLEMENTED');
    client.close();
  },
};

// A FileDescriptorSet is its files, each as field 1: so sets are made by prefixing tag and length.
function asSetMember(bytes) {
  const length = [];
  let rest = bytes.length;
  do {
    length.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest >>>= 7;
  } while (rest > 0);
  return Buffer.concat([Buffer.from([0x0a, ...length]), bytes]);
}

(async () => {
  for (const [name, step] of Object.entries(steps)) {
    await step();
    console.log(`grpc-js: ${name}`);
  }
  authorization.close();
  admin.close();
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
