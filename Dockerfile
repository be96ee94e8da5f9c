# syntax=docker/dockerfile:1
# The CPU image by default. For the GPU image the build fetches onnxruntime's CUDA provider (CUDA 12, cuDNN 9) and runs on
# NVIDIA's image: --build-arg GPU=1 --build-arg RUNTIME_IMAGE=nvidia/cuda:12.6.3-cudnn-runtime-ubuntu24.04
ARG NODE_IMAGE=node:20-bookworm-slim
ARG RUNTIME_IMAGE=node:20-bookworm-slim

FROM ${NODE_IMAGE} AS build
ENV ONNXRUNTIME_NODE_INSTALL=skip
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build && npm prune --omit=dev --ignore-scripts
# onnxruntime comes for every system at once; the others' half would only be carried about.
RUN cd node_modules/onnxruntime-node/bin/napi-v* && rm -rf darwin win32 \
 && find linux -mindepth 1 -maxdepth 1 ! -name "$(node -p process.arch)" -exec rm -r {} +
ARG GPU=0
RUN if [ "$GPU" = "1" ]; then node node_modules/onnxruntime-node/script/install --onnxruntime-node-install; fi

FROM ${RUNTIME_IMAGE} AS runtime
ENV NODE_ENV=production PREREAD_HOST=0.0.0.0 PREREAD_DIMSE_HOST=0.0.0.0 PREREAD_DATA_DIR=/data
# Threads keep what they have freed, each in its arena of memory (glibc): a tenth less with two of them (docs/performance.md).
ENV MALLOC_ARENA_MAX=2
WORKDIR /app
RUN groupadd --gid 10001 preread \
 && useradd --uid 10001 --gid preread --no-create-home --shell /usr/sbin/nologin preread \
 && install -d -o preread -g preread /data
COPY --from=build /usr/local/bin/node /usr/local/bin/node
COPY --from=build /app/package.json ./package.json
COPY --from=build /app/LICENSE ./LICENSE
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/bin ./bin
COPY --from=build /app/dist ./dist
COPY --from=build /app/models ./models
USER preread
VOLUME /data
EXPOSE 8142 11112
# Every role answers on PREREAD_PORT: ingest with its API (by TLS where it has a certificate), the workers with /healthz and
# /readyz alone. Not /readyz: nothing is to be restarted for the fault of a database.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "const e=process.env,p=(e.PREREAD_PORT||8142)+'/healthz',ask=s=>fetch(s+'://127.0.0.1:'+p).then(r=>{if(!r.ok)throw r});e.NODE_TLS_REJECT_UNAUTHORIZED='0';ask('http').catch(()=>ask('https')).then(()=>process.exit(0),()=>process.exit(1))"]
ENTRYPOINT ["node", "bin/preread.js"]
CMD ["serve"]
