// A certified provider of OpenID Connect (oidc-provider), whose accounts log in by a form that sends itself.
// Arguments: port (0 for any), seed of its keys' names, and the gateway's addresses as JSON.
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';

const module = `${process.env.YUMEN_NODE_MODULES}/oidc-provider/lib/index.js`;
const { Provider } = await import(pathToFileURL(module));

const [port, keyName, text] = process.argv.slice(2);
const gateway = JSON.parse(text);
const seen = { token: [], logouts: 0, userinfo: 0 };
const state = { account: 'ada', deny: false, accessTtl: 3600, away: false };

const server = createServer();
server.listen(Number(port), '127.0.0.1');
await new Promise((resolve) => { server.once('listening', resolve); });
const issuer = `http://127.0.0.1:${server.address().port}`;

function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), kid: keyName, use: 'sig', alg: 'RS256' };
}

const form = (action, fields) => `<!doctype html><title>provider</title>
<form method="post" action="${action}">${fields}<button>Go on</button></form>
<script>document.forms[0].submit()</script>`;

const provider = new Provider(issuer, {
  jwks: { keys: [signingKey()] },
  clients: [
    {
      client_id: 'shop',
      client_secret: 'a secret of the shop',
      redirect_uris: [gateway.redirect],
      post_logout_redirect_uris: [gateway.returnTo],
      backchannel_logout_uri: gateway.backchannel,
      backchannel_logout_session_required: true,
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
    },
    {
      client_id: 'signer',
      redirect_uris: [gateway.redirect],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'ES256',
      jwks: {
        keys: [{ ...createPublicKey(gateway.signer).export({ format: 'jwk' }), kid: 'own', alg: 'ES256', use: 'sig' }],
      },
    },
    {
      client_id: 'program',
      client_secret: 'a secret of the program',
      redirect_uris: [],
      response_types: [],
      grant_types: ['client_credentials'],
    },
  ],
  claims: { openid: ['sub', 'roles'], email: ['email'] },
  conformIdTokenClaims: false,
  // A name of its own: on one host, cookies do not know of ports.
  cookies: {
    keys: ['a key of the provider alone'],
    names: { session: 'provider', interaction: 'provider_asks', resume: 'provider_goes_on' },
  },
  features: {
    devInteractions: { enabled: false },
    backchannelLogout: { enabled: true },
    clientCredentials: { enabled: true },
    rpInitiatedLogout: {
      enabled: true,
      async logoutSource(ctx, html) {
        ctx.body = `<!doctype html><title>provider</title>${html}
<script>const form = document.forms[0]; const yes = document.createElement('input');
yes.type = 'hidden'; yes.name = 'logout'; yes.value = 'yes'; form.append(yes); form.submit()</script>`;
      },
      async postLogoutSuccessSource(ctx) {
        ctx.body = `<!doctype html><title>gone</title><script>location = '${gateway.after}'</script>`;
      },
    },
    resourceIndicators: {
      enabled: true,
      async defaultResource(ctx, client) {
        return client.clientId === 'program' ? 'urn:shop:api' : undefined;
      },
      async useGrantedResource() { return true; },
      async getResourceServerInfo() {
        return { scope: 'read', audience: 'urn:shop:api', accessTokenFormat: 'jwt', accessTokenTTL: 3600 };
      },
    },
  },
  // By itself it asks nobody on this machine.
  fetch(url, { dispatcher, ...options }) { return globalThis.fetch(url, options); },
  pkce: { required: () => true },
  rotateRefreshToken: true,
  async issueRefreshToken() { return true; },
  ttl: {
    AccessToken: () => state.accessTtl,
    ClientCredentials: 3600,
    IdToken: 3600,
    RefreshToken: 86400,
    Grant: 86400,
    Session: 86400,
    Interaction: 3600,
  },
  async findAccount(ctx, id) {
    return {
      accountId: id,
      async claims() { return { sub: id, email: `${id}@example.com`, roles: ['reader', 'writer'] }; },
    };
  },
  // Everybody agrees to everything.
  async loadExistingGrant(ctx) {
    const { Grant } = ctx.oidc.provider;
    const known = ctx.oidc.session.grantIdFor(ctx.oidc.client.clientId);
    if (known) return Grant.find(known);
    const grant = new Grant({
      clientId: ctx.oidc.client.clientId,
      accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope('openid email offline_access');
    await grant.save();
    return grant;
  },
  interactions: { url(ctx, interaction) { return `/interaction/${interaction.uid}`; } },
});
provider.on('grant.success', (ctx) => seen.token.push(ctx.oidc.params.grant_type));
provider.on('grant.error', (ctx, error) => seen.token.push(`${ctx.oidc.params?.grant_type}: ${error.error}`));
provider.on('backchannel.success', () => { seen.logouts += 1; });
provider.on('backchannel.error', (ctx, error) => console.error('backchannel', error.message));
provider.on('server_error', (ctx, error) => console.error(error));

const answer = provider.callback();
server.on('request', async (request, response) => {
  const url = new URL(request.url, issuer);
  if (url.pathname === '/control') {
    // Whoever runs the test says what it does from now on, and sees what it did.
    for (const [name, value] of url.searchParams) state[name] = JSON.parse(value);
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify(seen));
  } else if (state.away) {
    request.socket.destroy();
  } else if (url.pathname.startsWith('/interaction/')) {
    request.resume();
    if (request.method === 'GET') {
      response.setHeader('Content-Type', 'text/html');
      response.end(form(url.pathname, ''));
      return;
    }
    const result = state.deny
      ? { error: 'access_denied', error_description: '<script>alert(1)</script>' }
      : { login: { accountId: state.account } };
    await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
  } else {
    if (url.pathname === '/me') seen.userinfo += 1;
    answer(request, response);
  }
});
console.log(`listening on 127.0.0.1:${server.address().port}`);
