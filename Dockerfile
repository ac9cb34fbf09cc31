# Node 24 is maintained until April 2028. Node 20, the oldest that the code runs on, got its last
# release in April 2026. Debian rather than Alpine: bcrypt's binary is the one for glibc.
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
# The image's user `node`, by number: who runs the image can tell that it isn't root.
USER 1000:1000
EXPOSE 3000
CMD ["node", "dist/src/server.js"]
