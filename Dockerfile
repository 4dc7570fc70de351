# One image for every process of LFM: `node worker/main.ts`, `node api/main.ts`, `node simulator/main.ts`, `node worker/migrate.ts`.

FROM node:24.21.0-bookworm-slim AS build
WORKDIR /lfm
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund
COPY . .
# The workflow bundle, named by a hash of the code that it is made of: no worker has to make it at its start.
RUN npm run build

FROM node:24.21.0-bookworm-slim
# Temporal's client checks certificates against the system's list, which the slim image lacks.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /lfm
COPY --from=build /lfm ./
# A volume that is mounted here takes over the owner.
RUN mkdir /data && chown node:node /data
ENV NODE_ENV=production LFM_DATA_DIR=/data
USER node
CMD ["node", "worker/main.ts"]
