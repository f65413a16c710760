import { defineConfig } from 'vite';

export default defineConfig({
  base: '/public/',
  build: {
    // No inlined data: the policy of the page allows files of this origin alone.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
