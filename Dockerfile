# Node 24 is maintained until April 2028. Node 20, the oldest supported version, had its last release
# in April 2026. Debian, not Alpine: the bcrypt binary needs glibc.
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
# The user `node`, as a number, so that a container runtime can verify that it is not root.
USER 1000:1000
EXPOSE 3000
CMD ["node", "dist/src/server.js"]
