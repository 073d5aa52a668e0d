import { mount } from "svelte";
import "./styles/fonts.css";
import "./styles/tokens.css";
import "./styles/base.css";
import AppView from "./App.svelte";
import { App } from "./state/app.svelte";

async function start(): Promise<void> {
  // A room of made-up people for development; the condition keeps it out of the production build.
  if (import.meta.env.DEV && new URLSearchParams(location.search).has("fixture")) {
    const { fixtureApp } = await import("./fixture/scenario");
    mount(AppView, { target: document.body, props: { app: await fixtureApp(new URLSearchParams(location.search)) } });
    return;
  }
  mount(AppView, { target: document.body, props: { app: new App() } });
}

void start();
