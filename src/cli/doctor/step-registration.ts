import { stringList } from '../../discovery/fetch-document.js';
import type { Discovery } from '../../discovery/index.js';
import { excerpt } from '../../http/index.js';
import type { JsonObject } from '../../http/json.js';
import { chooseRegistration, type RegistrationWay } from './dry-registration.js';
import type { Examination } from './examination.js';
import { examineDocument } from './judge-document.js';
import { NORMS } from './norms.js';
import type { Step } from './report.js';
import { StepLog } from './step-log.js';

/** What a sign-in with `registration: 'auto'` would do for a client id, without doing it. */
export async function stepRegistration(
  examination: Examination,
  discovery: Discovery,
): Promise<{ step: Step; way: RegistrationWay }> {
  const log = new StepLog({ id: 'registration', title: 'A client id', specification: NORMS.registration });
  const { authorizationServer: metadata } = discovery;
  const { clientMetadataUrl } = examination.options;
  const documents = metadata.client_id_metadata_document_supported;
  log.fact('client_id_metadata_document_supported', typeof documents === 'boolean' ? documents : undefined);
  log.fact('registration_endpoint', endpoint(metadata.registration_endpoint));
  const way = await chooseRegistration(examination, discovery);
  log.fact("registration: 'auto' takes", way.kind ?? 'none');
  judgeDocuments(log, documents === true, examination);
  judgeWay(log, way, discovery);
  const isUrl = way.kind !== undefined || way.error.code !== 'invalid_options';
  const document =
    clientMetadataUrl !== undefined && isUrl ? await examineDocument(log, clientMetadataUrl, examination) : undefined;
  judgeAuthentication(log, way, stringList(metadata.token_endpoint_auth_methods_supported), document);
  return { step: log.finish(examination.recorder.take()), way };
}

function endpoint(value: unknown): string | undefined {
  return typeof value === 'string' ? excerpt(value) : undefined;
}

function judgeDocuments(log: StepLog, supported: boolean, { options }: Examination): void {
  const { clientId, clientMetadataUrl } = options;
  if (!supported) {
    const loses = clientMetadataUrl === undefined ? '' : ' The one of --client-metadata-url is not used.';
    const message = `It does not say that it takes Client ID Metadata Documents.${loses}`;
    log.add('note', 'documents', message, NORMS.documents);
  } else if (clientMetadataUrl !== undefined) {
    log.add('ok', 'documents', 'It takes Client ID Metadata Documents.', NORMS.documents);
  } else if (clientId === undefined) {
    const message = 'It takes Client ID Metadata Documents, but none is given.';
    const remedy =
      'Host one and set `clientMetadataUrl` (here: --client-metadata-url). `createClientMetadataDocument()` writes it.';
    log.add('note', 'documents', message, NORMS.documents, { remedy });
  }
}

function judgeWay(log: StepLog, way: RegistrationWay, { hasMetadata }: Discovery): void {
  if (way.kind === undefined) {
    log.refused('registration', way.error, NORMS.registration, noWay(way.error.code));
  } else if (way.kind === 'pre-registered') {
    const message =
      'The client id of --client-id would be used. Whether the server knows it is only seen at a sign-in.';
    log.add('ok', 'registration', message, NORMS.registration);
  } else if (way.kind === 'cimd') {
    log.add('ok', 'registration', 'The URL of the metadata document would be the client id.', NORMS.documents);
  } else judgeDynamic(log, way, hasMetadata);
}

function judgeDynamic(
  log: StepLog,
  { request }: Extract<RegistrationWay, { kind: 'dynamic' }>,
  hasMetadata: boolean,
): void {
  const method = request['token_endpoint_auth_method'];
  const as = typeof method === 'string' ? ` with token_endpoint_auth_method ${excerpt(method, 60)}` : '';
  log.add('ok', 'registration', `A client would be registered${as}.`, NORMS.dynamic);
  const message = hasMetadata
    ? 'Whether it registers everyone is only seen by registering, which is not done here.'
    : 'Whether there is a registration at the default place is only seen by registering, which is not done here.';
  const remedy = 'Where it refuses: `initialAccessToken`, or `clientInformation` with a client from its operator.';
  log.add('skipped', 'registers', message, NORMS.dynamic, { remedy });
}

/** Whether the token endpoint takes a client that authenticates with nothing, or with the key that its document names. */
function judgeAuthentication(
  log: StepLog,
  { kind }: RegistrationWay,
  methods: readonly string[] | undefined,
  document: JsonObject | undefined,
): void {
  if ((kind !== 'pre-registered' && kind !== 'cimd') || methods === undefined) return;
  const hasKey = kind === 'cimd' && document?.['token_endpoint_auth_method'] === KEY;
  if (methods.includes(hasKey ? KEY : 'none')) return;
  const who = kind === 'cimd' ? `The document names ${hasKey ? KEY : 'no key'}` : 'The client has no secret';
  const message = `${who}, but the server lists only ${excerpt(methods.join(', '))}.`;
  log.add('warning', 'auth-method', message, NORMS.authMethods, { remedy: otherMethod(kind, methods) });
}

const KEY = 'private_key_jwt';

function otherMethod(kind: 'pre-registered' | 'cimd', methods: readonly string[]): string {
  if (kind === 'cimd' && methods.includes(KEY)) {
    return `Name ${KEY} and the public key in the document, and set \`clientKey\` in the application.`;
  }
  return 'Where it refuses the client: set `clientInformation` with its `client_secret`.';
}

function noWay(code: string): string {
  return code === 'invalid_options'
    ? 'Correct --client-id or --client-metadata-url (options `clientInformation` and `clientMetadataUrl`).'
    : 'Get a client id from its operator and set `clientInformation` (here: --client-id).';
}
