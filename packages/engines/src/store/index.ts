export { type DataLock, lockDataDirectory } from './data-lock.ts';
export { STORE_ERRORS } from './errors.ts';
export { createMemoryStore, type MemoryStoreOptions } from './memory-store.ts';
export * from './port.ts';
export { createSqliteStore, type SqliteStoreOptions } from './sqlite-store.ts';
