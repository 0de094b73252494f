// Corrections wait in IndexedDB until the server has them: through reloads, in two tabs, without a network.

import { send, type Correction, type Sent } from "./server.js";

const STORE = "corrections";

const opened = (): Promise<IDBDatabase> =>
  new Promise((resolve, reject) => {
    const request = indexedDB.open("tenfold", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "id" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("storage is blocked"));
    request.onblocked = () => reject(new Error("storage is in use by another tab"));
  });

const done = <T>(database: IDBDatabase, mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    const transaction = database.transaction(STORE, mode, { durability: "strict" });
    const request = work(transaction.objectStore(STORE));
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = () => reject(transaction.error ?? new Error("storage is full"));
  });

const within = async <T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> => {
  const database = await opened();
  try {
    return await done(database, mode, work);
  } finally {
    database.close();
  }
};

// Throws where the browser's storage is full or blocked.
export const keep = (correction: Correction): Promise<unknown> => within("readwrite", (store) => store.put(correction));
export const waiting = (): Promise<Correction[]> => within("readonly", (store) => store.getAll() as IDBRequest<Correction[]>);
const forget = (id: string) => within("readwrite", (store) => store.delete(id));

// Sends what waits, in one tab at a time, and forgets it once the server has it. What is refused is dropped: it would be
// refused for ever.
export const flush = async (deliver: (correction: Correction) => Promise<Sent> = send): Promise<Sent | null> => {
  const work = async (): Promise<Sent | null> => {
    let last: Sent | null = null;
    for (const correction of await waiting()) {
      last = await deliver(correction);
      if (last === "later" || last === "token") return last;
      await forget(correction.id);
    }
    return last;
  };
  // On plain http there are no locks: two tabs may send the same correction then, and the server knows its id.
  return navigator.locks ? navigator.locks.request("tenfold-corrections", work) : work();
};
