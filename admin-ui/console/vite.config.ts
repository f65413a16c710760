import react from '@vitejs/plugin-react';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

// scripts/lib/build-console builds a copy, with the documents beside it.
const docs = fileURLToPath(new URL(existsSync('docs') ? './docs' : '../../docs', import.meta.url));

export default defineConfig({
  plugins: [react()],
  base: '/console/',
  resolve: { alias: { '@docs': docs } },
  build: {
    // A language is awaited before anything is shown.
    target: 'es2022',
    // No inlined data: the policy of the page allows files of this origin alone.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1500,
  },
});
