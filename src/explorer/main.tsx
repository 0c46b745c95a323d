/** The explorer's page: what the server tells of a running heap, and step mode, which needs no server. */
import { render } from 'preact';
import { App } from './app.tsx';
import { connect } from './data/connection.ts';
import { followHash } from './data/route.ts';

followHash();
connect();
render(<App />, document.getElementById('app')!);
