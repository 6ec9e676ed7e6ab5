// class-transformer ships this file without types beside it. What we read, and that it may find nothing:
declare module 'class-transformer/cjs/storage.js' {
  import type { ExposeOptions, TypeOptions } from 'class-transformer';

  export const defaultMetadataStorage: {
    findTypeMetadata(
      target: object,
      property: string,
    ): { typeFunction(): unknown; readonly options?: TypeOptions } | undefined;
    findExposeMetadata(target: object, property: string): { readonly options?: ExposeOptions } | undefined;
  };
}
