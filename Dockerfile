# Node 24 is maintained until April 2028. Node 20, the oldest supported version, had its last release
# in April 2026. Debian, not Alpine: the bcrypt binary needs glibc. The tag gets the fixes of Node and
# Debian: build with `--pull`. All packages are fixed by package-lock.json.
FROM node:24-bookworm-slim AS base
WORKDIR /app
COPY package.json package-lock.json ./

FROM base AS build
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY db db
COPY plugins plugins
COPY routes routes
COPY scripts scripts
COPY src src
RUN npm run build

FROM base AS packages
RUN npm ci --omit=dev --no-audit --no-fund

FROM base
ENV NODE_ENV=production HOST=0.0.0.0
COPY --from=packages /app/node_modules node_modules
COPY --from=build /app/dist dist
# The user `node`, as a number, so that a container runtime can verify that it is not root. All files
# belong to root: the server writes none, so the file system can be read-only.
USER 1000:1000
EXPOSE 3000
# If the request fails, fetch rejects, and the process exits with code 1.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 3000}/readyz`).then(({ ok }) => process.exit(ok ? 0 : 1))"]
CMD ["node", "dist/src/server.js"]
