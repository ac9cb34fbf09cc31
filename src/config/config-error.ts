/** Lists everything that is wrong with the configuration, one problem a line. */
export class ConfigError extends Error {}
